"""The SAIF reader, and what the activity of a class is."""

from pathlib import Path

import pytest

from rtl.activity.saif import SaifError, Signal, read_saif
from rtl.activity.signals import ASSUMED, CLASSES, Activity, activities
from tests.rtl.test_accelerator import SYSTEMS

TEXT = r"""// a comment (of some tool
(SAIFILE
(SAIFVERSION "2.0")
(PROGRAM_NAME "a tool (of sorts")
(DURATION 4000)
 (INSTANCE top
  (NET
   (clk_i (T0 2000) (T1 2000) (TZ 0) (TX 0) (TB 0) (TC 7))
   (x_q\[0\] (T0 1000) (T1 3000) (TC 2))
   (x_q\[1\] (T0 4000) (T1 0) (TC 0) (IG 0))
  )
  (INSTANCE gen_lane[3]
   (INSTANCE u_pe (NET (x_q\[0\]\[1\] (T0 1) (T1 1) (TC 5)) (x_q\[1\]\[1\] (T0 1) (T1 1) (TC 6))))
  )
  (NET (late (T0 1) (T1 1) (TC 1)))
 )
)
"""


def read(tmp_path: Path, text: str) -> dict[str, Signal]:
    file = tmp_path / "w.saif"
    file.write_text(text.replace("// a comment (of some tool\n", ""))
    return dict(read_saif(file))


def test_signals_have_their_bits_and_changes(tmp_path: Path) -> None:
    assert read(tmp_path, TEXT) == {
        "top/clk_i": Signal(1, 7),
        "top/x_q": Signal(2, 2),
        "top/gen_lane[3]/u_pe/x_q": Signal(2, 11),
        "top/late": Signal(1, 1),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$date today $end", "want a SAIF file"),
        (TEXT[: TEXT.index("  (NET (late")], "ends within top: the recording was cut off"),
        (TEXT + ")", "more parentheses close than open"),
        (TEXT.replace("(TC 7)", "(TB 7)"), "bit clk_i has no TC"),
    ],
)
def test_what_is_no_saif_file(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SaifError, match=message):
        read(tmp_path, text)


def test_activity_is_changes_over_operations() -> None:
    item = Activity(bits=8, toggles=30, charged_bits=8 * 10)
    assert item.value == 0.375 and item.ratio == 0.375 / ASSUMED
    assert Activity(bits=8, toggles=3, charged_bits=0).value == 0


def test_a_class_without_signals_is_an_error() -> None:
    with pytest.raises(ValueError, match=f"{CLASSES[0].name}: the recording has no signal"):
        activities({"bench_top/clk_i": Signal(1, 7)}, {}, SYSTEMS["4x4"])
