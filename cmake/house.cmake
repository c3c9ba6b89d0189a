# One target a room. plumb_room(name SOURCES ... USES ...) declares the library of a folder: its
# sources, listed by name, and the rooms below it that it may include (ci/layering.py).

# What every target is compiled with. Contraction is off and ISA flags are absent on purpose: the
# same source gives the same float64 bits on any x86-64 machine; SIMD enters through Highway and
# base/vectorised.h.
add_library(plumb_options INTERFACE)
target_compile_options(plumb_options INTERFACE
  -ffp-contract=off -fno-math-errno
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  -Wno-missing-field-initializers
  # GCC 12 sees faults in fmt's and the standard library's inlined code that are not there.
  -Wno-stringop-overflow -Wno-array-bounds -Wno-restrict
  -Werror)
target_include_directories(plumb_options INTERFACE ${PROJECT_SOURCE_DIR})
# A target with the property COLD does no work to speak of: it is built for a quick build.
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(plumb_options INTERFACE
    $<IF:$<BOOL:$<TARGET_PROPERTY:COLD>>,-O1,-O3> -UNDEBUG)
endif()
if(PLUMB_SANITIZE)
  target_compile_options(plumb_options INTERFACE
    -fsanitize=${PLUMB_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(plumb_options INTERFACE -fsanitize=${PLUMB_SANITIZE})
endif()

function(plumb_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;USES;PRIVATE_USES" ${ARGN})
  add_library(plumb_${name} STATIC ${ROOM_SOURCES})
  target_link_libraries(plumb_${name} PUBLIC plumb_options ${ROOM_USES}
                        PRIVATE ${ROOM_PRIVATE_USES})
endfunction()

# OpenBLAS as Debian's config file gives it: variables, no target.
add_library(plumb_blas INTERFACE)
target_include_directories(plumb_blas SYSTEM INTERFACE ${OpenBLAS_INCLUDE_DIRS})
target_link_libraries(plumb_blas INTERFACE ${OpenBLAS_LIBRARIES})
