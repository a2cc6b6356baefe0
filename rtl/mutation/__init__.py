"""Mutation testing of the RTL: seeded faults, one simulation per fault, a score and a reason for every survivor.

`tokens` reads a source, `parse` finds its statements, `faults` what can go wrong in them, `sample` draws, `schema`
writes all drawn faults into one source with a run-time selector, `campaign` runs the tests, `equivalence` asks Yosys,
`report` writes the result. `python -m rtl.mutation` is the whole of it.
"""
