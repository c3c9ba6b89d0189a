# What is installed: the program (component `program`), and for C++ the headers of plumbline/ with a
# CMake package (component `headers`). find_package(plumbline) gives plumbline::plumbline, headers
# that know the program, and plumbline::plumb, the program. cpack makes a .deb of both.
add_library(plumbline INTERFACE)
target_include_directories(plumbline INTERFACE $<INSTALL_INTERFACE:include>)
target_compile_features(plumbline INTERFACE cxx_std_17)

set(PACKAGE_DIR lib/cmake/plumbline)
install(TARGETS plumb EXPORT plumbline RUNTIME DESTINATION bin COMPONENT program)
install(TARGETS plumbline EXPORT plumbline COMPONENT headers)
install(FILES plumbline/engine.h plumbline/parity.h plumbline/trace.h
        DESTINATION include/plumbline COMPONENT headers)
install(EXPORT plumbline NAMESPACE plumbline:: FILE plumblineTargets.cmake
        DESTINATION ${PACKAGE_DIR} COMPONENT headers)
include(CMakePackageConfigHelpers)
write_basic_package_version_file(plumblineConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES cmake/plumblineConfig.cmake ${PROJECT_BINARY_DIR}/plumblineConfigVersion.cmake
        DESTINATION ${PACKAGE_DIR} COMPONENT headers)

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL program headers)
set(CPACK_PACKAGE_CONTACT "the developers of Plumbline")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Numerical parity and validation of LLM forwards")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
include(CPack)
