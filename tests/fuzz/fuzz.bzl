"""Fuzz targets."""

def fuzz_target(name, srcs, deps):
    """The target as a library, with a test and a fuzzer.

    NAME_replay_test runs it over corpus/NAME; NAME_fuzzer, for --config=fuzz
    only, is libFuzzer's.

    Args:
      name: of the target, and of its corpus.
      srcs: with LLVMFuzzerTestOneInput and LLVMFuzzerCustomMutator.
      deps: of srcs, without fuzz_target.
    """
    native.cc_library(
        name = name + "_target",
        srcs = srcs,
        deps = deps + [":fuzz_target"],
        alwayslink = True,
    )
    corpus = native.glob(["corpus/" + name + "/*"])
    native.cc_test(
        name = name + "_replay_test",
        size = "medium",
        args = ["$(location %s)" % file for file in corpus],
        data = corpus,
        deps = [
            ":" + name + "_target",
            ":replay_main",
        ],
    )
    native.cc_binary(
        name = name + "_fuzzer",
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [":" + name + "_target"],
    )
