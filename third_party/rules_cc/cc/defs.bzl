"""The native C++ rules under the names that Bazel's own BUILD files load.

Bazel 4.2.3 has these rules built in and asks @rules_cc only for their names.
"""

cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
