from drl.evaluation.given_images import files_in


def test_order_is_that_of_paths_part_by_part(tmp_path):
    for name in ("b/a.png", "b.png", "a/z.png", "a b/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in files_in(tmp_path, "**/*")]
    assert found == ["a/z.png", "a b/c.png", "b/a.png", "b.png"]
