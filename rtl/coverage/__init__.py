"""Line and branch coverage of the RTL by its tests: measured by Verilator, merged over builds, every hole explained."""
