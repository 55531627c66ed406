use super::*;
use crate::extract::tests::archive;

const HEADER: &str = "#pragma once\n\n/// major\n#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n\
                      #define TORCH_VERSION_PATCH 0\n#define TORCH_VERSION \\\n  \"2.11.0\"\n";

fn libtorch(folder: &Path, header: &str) {
    let headers = folder.join("include/torch/headeronly");
    fs::create_dir_all(&headers).unwrap();
    fs::write(headers.join("version.h"), header).unwrap();
    fs::create_dir_all(folder.join("lib")).unwrap();
    for name in CPU_LIBRARIES {
        fs::write(folder.join("lib").join(name), name).unwrap();
    }
}

/// Wheels with a libtorch in them, as few bytes as can be.
fn small_wheels(folder: &Path) -> Vec<(Wheel, PathBuf)> {
    let mut torch = vec![
        ("torch/include/torch/headeronly/version.h", HEADER),
        ("torch/nn.py", "python"),
    ];
    let names = CPU_LIBRARIES.map(|name| format!("torch/lib/{name}"));
    torch.extend(names.iter().map(|name| (name.as_str(), "library")));
    let contents: [&[(&str, &str)]; 3] = [
        &torch,
        &[("nvidia/cu13/lib/libcudart.so.13", "runtime")],
        &[("nvidia/cu13/lib/libcupti.so.13", "cupti")],
    ];
    pins::LIBTORCH
        .into_iter()
        .zip(contents)
        .map(|(wheel, members)| {
            let path = folder.join(wheel.file);
            archive(&path, members);
            (wheel, path)
        })
        .collect()
}

#[test]
fn headers_tell_the_version() {
    assert_eq!(version_of_header(HEADER), Some((2, 11)));
    assert_eq!(version_of_header("#define TORCH_VERSION_MAJOR 2\n"), None);
    assert_eq!(
        version_of_header("#define TORCH_VERSION_MAJOR two\n#define TORCH_VERSION_MINOR 11"),
        None
    );
    assert_eq!(version_of_number("2.5.1+cpu\n"), Some((2, 5)));
    assert_eq!(version_of_number("unknown"), None);
}

#[test]
fn the_variable_that_cargo_sets_is_not_the_users() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join(FOLDER);
    assert_eq!(given(None, &own), None);
    assert_eq!(given(Some("".into()), &own), None);
    assert_eq!(given(Some(own.clone().into()), &own), None);
    let elsewhere = folder.path().join("other");
    assert_eq!(
        given(Some(elsewhere.clone().into()), &own),
        Some(elsewhere.clone())
    );
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &own).unwrap();
    assert_eq!(given(Some(elsewhere.into()), &own), None);
}

#[test]
fn an_existing_libtorch_is_linked_to() {
    let folder = tempfile::tempdir().unwrap();
    let (deps, existing) = (folder.path().join("deps"), folder.path().join("mine"));
    fs::create_dir(&deps).unwrap();
    libtorch(&existing, HEADER);
    let variable = Some(existing.clone().into_os_string());
    assert_eq!(
        state(&deps, variable, false).unwrap(),
        State::Link(existing.clone())
    );
    link(&deps, folder.path(), &existing).unwrap();
    assert_eq!(fs::read_link(deps.join(FOLDER)).unwrap(), existing);
    assert_eq!(state(&deps, None, false).unwrap(), State::Ready);
    fs::remove_dir_all(&existing).unwrap();
    assert_eq!(state(&deps, None, false).unwrap(), State::Fetch);
}

#[test]
fn an_unusable_libtorch_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old");
    libtorch(&old, &HEADER.replace("11", "5"));
    let cut = folder.path().join("cut");
    libtorch(&cut, HEADER);
    fs::remove_file(cut.join("lib/libtorch_cpu.so")).unwrap();
    let whole = folder.path().join("whole");
    libtorch(&whole, HEADER);
    let cases = [
        (&old, false, "it holds libtorch 2.5"),
        (&cut, false, "it lacks lib/libtorch_cpu.so"),
        (&whole, true, "it lacks lib/libtorch_cuda.so"),
        (
            &folder.path().to_path_buf(),
            false,
            "there is no libtorch in it",
        ),
        (
            &folder.path().join("nowhere"),
            false,
            "there is no such folder",
        ),
    ];
    for (path, cuda, reason) in cases {
        let refusal = state(&folder.path().join("deps"), Some(path.into()), cuda).unwrap_err();
        assert!(refusal.to_string().contains(reason), "{refusal}");
        assert_eq!(
            format!("{:?}", refusal.exit_code()),
            format!("{:?}", std::process::ExitCode::from(2))
        );
    }
}

#[test]
fn a_folder_that_setup_did_not_make_is_left_alone() {
    let deps = tempfile::tempdir().unwrap();
    let own = deps.path().join(FOLDER);
    libtorch(&own, HEADER);
    assert_eq!(state(deps.path(), None, false).unwrap(), State::Ready);
    fs::remove_dir_all(own.join("include")).unwrap();
    assert!(
        state(deps.path(), None, false)
            .unwrap_err()
            .to_string()
            .contains("Remove it")
    );
    assert!(own.join("lib/libc10.so").is_file());
}

#[test]
fn installed_libtorch_is_whole_until_a_file_changes() {
    let deps = tempfile::tempdir().unwrap();
    let scratch = deps.path().join("tmp");
    install(deps.path(), &scratch, &small_wheels(deps.path()), false).unwrap();
    assert_eq!(state(deps.path(), None, false).unwrap(), State::Ready);
    assert_eq!(
        state(deps.path(), None, true).unwrap(),
        State::Fetch,
        "the GPU's libraries are not there"
    );
    let own = deps.path().join(FOLDER);
    assert!(own.join("lib/libcudart.so.13").is_file() && !own.join("nn.py").exists());
    for (file, other) in [(VERSION_HEADERS[0], "cut"), ("lib/libc10.so", "lib")] {
        let whole = fs::read(own.join(file)).unwrap();
        fs::write(own.join(file), other).unwrap();
        assert_eq!(state(deps.path(), None, false).unwrap(), State::Fetch);
        fs::write(own.join(file), whole).unwrap();
        assert_eq!(state(deps.path(), None, false).unwrap(), State::Ready);
    }
}

#[test]
fn an_interrupted_install_leaves_nothing_half() {
    let deps = tempfile::tempdir().unwrap();
    let scratch = deps.path().join("tmp");
    let wheels = small_wheels(deps.path());
    let last = &wheels[2].1;
    let bytes = fs::read(last).unwrap();
    fs::write(last, &bytes[..bytes.len() / 2]).unwrap();
    install(deps.path(), &scratch, &wheels, false).unwrap_err();
    assert!(!deps.path().join(FOLDER).exists());
    assert_eq!(state(deps.path(), None, false).unwrap(), State::Fetch);
    fs::write(last, bytes).unwrap();
    fs::remove_dir_all(&scratch).unwrap();
    install(deps.path(), &scratch, &wheels, false).unwrap();
    assert_eq!(state(deps.path(), None, false).unwrap(), State::Ready);
}

#[test]
fn members_go_where_libtorch_looks_for_them() {
    let at = |member: &str, cuda: bool| place(member, cuda).map(|p| p.display().to_string());
    assert_eq!(
        at("torch/include/ATen/ATen.h", false).unwrap(),
        "libtorch/include/ATen/ATen.h"
    );
    assert_eq!(
        at("torch/lib/libtorch_cpu.so", false).unwrap(),
        "libtorch/lib/libtorch_cpu.so"
    );
    assert_eq!(
        at("nvidia/cu13/lib/libcupti.so.13", true).unwrap(),
        "libtorch/lib/libcupti.so.13"
    );
    assert_eq!(
        at("torch/lib/libtorch_cuda.so", true).unwrap(),
        "libtorch/lib/libtorch_cuda.so"
    );
    assert_eq!(
        at("nvidia/cudnn/lib/libcudnn.so.9", true).unwrap(),
        "nvidia/cudnn/lib/libcudnn.so.9"
    );
    for member in [
        "torch/lib/libtorch_cuda.so",
        "nvidia/cudnn/lib/libcudnn.so.9",
        "torch/lib/libtorch_python.so",
    ] {
        assert_eq!(at(member, false), None);
    }
    for member in [
        "torch/lib/libtorch_python.so",
        "nvidia/cu13/include/a.h",
        "nvidia/cu13/lib/libcudart_static.a",
    ] {
        assert_eq!(at(member, true), None);
    }
}
