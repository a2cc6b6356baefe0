"""PE array with more columns than rows, and with more rows than columns."""

import pytest

from hdl import run


@pytest.mark.parametrize(("rows", "columns"), [(3, 5), pytest.param(8, 4, marks=pytest.mark.slow)])
def test_pe_array(rows: int, columns: int) -> None:
    run("pe_array", "tb_pe_array", params={"Rows": rows, "Columns": columns})
