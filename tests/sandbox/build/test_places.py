from amlwidgets.sandbox.build.places import answering

LINES = [
    "--find-links https://old.example.invalid/simple/index.html",
    "--extra-index-url=https://user:secret@old.example.invalid/simple",
    "-f ./wheels",
    "--index-url https://main.example.invalid/simple",
    "numpy==1.26 --hash=sha256:abc",
]


def test_a_place_that_does_not_answer_is_left_out_and_said_once_without_its_password():
    said = []
    assert answering(LINES, said.append) == LINES[2:]
    assert said == ["sandbox: old.example.invalid does not answer; packages are looked for in the other places\n"]


def test_a_place_that_answers_stays():
    assert answering(LINES, lambda _: None, answers=lambda _: True) == LINES
