include(${CMAKE_CURRENT_LIST_DIR}/plumblineTargets.cmake)
set_property(TARGET plumbline::plumbline APPEND PROPERTY
  INTERFACE_COMPILE_DEFINITIONS "PLUMBLINE_PROGRAM=\"$<TARGET_FILE:plumbline::plumb>\"")
