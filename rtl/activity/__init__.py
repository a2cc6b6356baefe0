"""How often the signals of the RTL change, from SAIF files of Verilator, beside what the energy table assumes."""
