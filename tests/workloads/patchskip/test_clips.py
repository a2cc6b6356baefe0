"""Clips from arrays, generated scenes and videos; what is wrong with a source is named."""

from pathlib import Path

import numpy as np
import pytest

from workloads.patchskip import annotate, clips, scenes
from workloads.patchskip.video import decode, shrink

GREY = np.zeros((4, 6, 8), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pixels": GREY}, "want an array `gray` or `rgb`, found pixels"),
        ({"gray": GREY.astype(np.float32)}, "want uint8 frames .*float32"),
        ({"gray": GREY[0]}, r"want gray \(n, rows, columns\), got \(6, 8\)"),
        ({"rgb": GREY}, r"want rgb \(n, rows, columns, 3\)"),
        ({"gray": GREY[:0]}, "there are no frames"),
        ({"gray": GREY, "fps": np.array(0.0)}, "fps is 0.0"),
        ({"gray": GREY, "fps": np.array([1.0, 2.0])}, "want one number each as fps"),
        ({"gray": GREY, "index": np.arange(3)}, "4 frames, but index"),
        ({"gray": GREY, "index": np.array([0, 2, 1, 3])}, "frames out of order: frame 1 comes after frame 2"),
    ],
)
def test_bad_arrays_are_named(arrays: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "clip.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        clips.read(tmp_path / "clip.npz")


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "clip.npz", gray=GREY)
    whole = (tmp_path / "clip.npz").read_bytes()
    (tmp_path / "clip.npz").write_bytes(whole[: len(whole) // 2])
    (path,) = clips.find(tmp_path)
    with pytest.raises(ValueError, match="clip.npz is not a readable"):
        clips.read(path)


def test_a_folder_is_searched_one_level_down_for_arrays_first(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    np.savez(below / "b.npz", gray=GREY)
    np.savez(below / "a.npz", rgb=np.zeros((4, 6, 8, 3), np.uint8), first_frame=7, fps=5.0)
    np.savez(below / "weights.npz", w=GREY)
    (below / "film.mp4").write_bytes(b"not a film")
    assert [path.name for path in clips.find(tmp_path)] == ["a.npz", "b.npz"]
    assert [path.name for path in clips.find(tmp_path, "film")] == ["film.mp4"]
    clip = clips.read(below / "a.npz")
    assert (clip.name, clip.frames.shape, clip.fps, clip.index.tolist()) == ("a", (4, 3, 6, 8), 5.0, [7, 8, 9, 10])
    with pytest.raises(ValueError, match="no clip whose name holds 'other'"):
        clips.find(tmp_path, "other")


def test_pixels_become_exact_codes() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    inputs = clips.to_inputs(pixels)
    assert inputs.shape == (1, 3, 16, 16)
    assert np.array_equal((inputs[0, 2] * 128).numpy(), pixels[0, 0].astype(np.float32) - 128)


@pytest.mark.parametrize("camera", scenes.CAMERAS)
def test_scenes_do_what_their_cameras_do(camera: str) -> None:
    clip, counts = scenes.generate(camera, 12, seed=3)
    again, _ = scenes.generate(camera, 12, seed=3)
    assert clip.frames.shape == (12, 3, 120, 160) and np.array_equal(clip.frames, again.frames)
    assert counts.min() >= 0 and 0 < counts.max() <= scenes.MOST_FLOWERS
    step = np.abs(np.diff(clip.frames.astype(int), axis=0))
    unchanged = (step.max(axis=1) == 0).mean()
    assert (unchanged > 0.8) if camera == "still" else (unchanged < 0.8)
    if camera == "drift":
        assert clip.frames[-1].mean() > clip.frames[0].mean() + 0.2
    with pytest.raises(ValueError, match="unknown camera 'x'"):
        scenes.generate("x", 12)


def test_shrinking_averages_areas_of_the_middle() -> None:
    image = np.zeros((6, 12, 3), np.uint8)
    image[:, 2:6] = 100  # the middle 8 columns are 2 to 9
    assert shrink(image, 3, 4)[0].tolist() == [[100, 100, 0, 0]] * 3
    image[0, 2] = 0
    assert shrink(image, 3, 4)[0, 0].tolist() == [75, 100, 0, 0]


def test_objects_are_counted_before_an_empty_scene() -> None:
    behind = np.full((3, 60, 80), 100.0)
    frame = behind.copy()
    frame[:, 8:24, 8:24] = 200  # 16 cells
    frame[:, 8:24, 40:56] = 20
    frame[:, 48:52, 8:24] = 200  # 4 cells: too small
    assert annotate.count(frame, behind) == 2
    assert annotate.count(frame * 1.1, behind) == 2  # exposure
    frame[:, 12:16, 24:40] = 200  # a bridge
    assert annotate.count(frame, behind) == 1


def test_the_clips_are_annotated(data_dir: Path) -> None:
    found = {path.stem: clips.read(path) for path in clips.find(data_dir / "video")}
    counts = annotate.stored(found["fixed_person_160x120"])
    assert counts is not None and counts.tolist() == [1] * 51 + [0] * 51 + [1] * 98
    assert annotate.stored(found["moving_road_160x120"]) is None


@pytest.mark.slow  # decodes 221 frames of 960x540 pixels
def test_videos_are_decoded_as_the_arrays_were(data_dir: Path) -> None:
    pytest.importorskip("av")
    clip = decode(data_dir / "video" / "solidWhiteRight.mp4")
    ready = clips.read(data_dir / "video" / "moving_road_160x120.npz")
    assert np.abs(clip.frames[:200].astype(int) - ready.frames).max() <= 1


def test_a_corrupt_video_is_named(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    film, broken = tmp_path / "film.mp4", tmp_path / "broken.mp4"
    rng = np.random.default_rng(0)
    with av.open(str(film), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 160, 120
        for _ in range(12):
            picture = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    clip = decode(film)
    assert (clip.frames.shape, clip.fps) == ((12, 3, 120, 160), 10.0)
    raw = film.read_bytes()
    broken.write_bytes(raw[: len(raw) // 2])  # a download that stopped
    with pytest.raises(ValueError, match="broken.mp4: corrupt video"):
        decode(broken)


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    pytest.importorskip("av")
    (tmp_path / "film.mp4").write_bytes(b"not a film" * 100)
    with pytest.raises(ValueError, match="film.mp4: corrupt video after frame 0"):
        decode(tmp_path / "film.mp4")
