from amlwidgets.services.defaults import guess_spec


def test_files_of_the_folder_become_first_values(tmp_path):
    (tmp_path / "ridge_v2.pkl").write_text("x")
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")
    (tmp_path / "myenv.yml").write_text("name: x\ndependencies:\n  - pip\n")
    (tmp_path / "my_scoring.py").write_text("")
    spec = guess_spec(str(tmp_path))
    assert (spec.model_path, spec.model_name, spec.service_name) == ("ridge_v2.pkl", "ridge_v2", "ridge-v2")
    assert (spec.conda_file, spec.entry_script) == ("myenv.yml", "my_scoring.py")


def test_what_the_user_says_wins(tmp_path):
    (tmp_path / "a.pkl").write_text("x")
    spec = guess_spec(str(tmp_path), model_name="mine", service_name="svc")
    assert (spec.model_name, spec.service_name, spec.model_path) == ("mine", "svc", "a.pkl")


def test_an_empty_folder_guesses_nothing(tmp_path):
    spec = guess_spec(str(tmp_path))
    assert (spec.model_path, spec.model_name, spec.service_name, spec.conda_file) == ("", "", "", "")


def test_short_and_odd_names_become_service_names(tmp_path):
    for name, expected in {"m.pkl": "m-svc", "1x.pkl": "svc-1x", "A_b C.joblib": "a-b-c"}.items():
        folder = tmp_path / expected
        folder.mkdir()
        (folder / name).write_text("x")
        assert guess_spec(str(folder)).service_name == expected
