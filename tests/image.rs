//! What the image must have for the program: the libraries of its base, and no more.
use object::elf::FileHeader64;
use object::read::elf::{Dyn as _, FileHeader as _};
use object::{Endianness, elf};

/// What the base (the `cc` kind of distroless) holds of what a program may be linked with, apart from the loader.
const BASE: [&str; 3] = ["libc.so.6", "libgcc_s.so.1", "libm.so.6"];

#[test]
fn the_program_needs_only_what_its_base_has() {
    let path = env!("CARGO_BIN_EXE_teleport-operator");
    let file = std::fs::read(path).expect("the program");
    let header = FileHeader64::<Endianness>::parse(&*file).expect("ELF");
    let endian = header.endian().expect("an order");
    let segments = header.program_headers(endian, &*file).expect("segments");
    let sections = header.sections(endian, &*file).expect("sections");
    let (dynamic, link) = sections.dynamic(endian, &*file).expect("readable").expect("a dynamic section");
    let strings = sections.strings(endian, &*file, link).expect("strings");
    let needed = dynamic.iter().filter(|entry| entry.tag32(endian).map(i64::from) == Some(elf::DT_NEEDED));
    let needed = needed.map(|entry| {
        let name = entry.string(endian, strings).expect("a name");
        std::str::from_utf8(name).expect("UTF-8")
    });
    let loader = |name: &str| name.starts_with("ld-linux");
    let strange: Vec<&str> = needed.filter(|name| !BASE.contains(name) && !loader(name)).collect();
    assert!(strange.is_empty(), "the base of the image has no {strange:?}");
    assert!(!segments.is_empty());
    println!("{}: {} bytes", path, file.len());
}

/// The image's program is built by the toolchain that the project names, and runs as who the chart says.
#[test]
fn the_dockerfile_fits_the_chart() {
    let text = |path: &str| std::fs::read_to_string(path).expect("a file");
    let dockerfile = text("Dockerfile");
    assert!(dockerfile.contains(&format!("FROM rust:{}-", env!("CARGO_PKG_RUST_VERSION"))));
    let values: serde_json::Value =
        serde_saphyr::from_str(&text("charts/teleport-operator/values.yaml")).expect("YAML");
    let user = &values["podSecurityContext"]["runAsUser"];
    assert!(dockerfile.contains(&format!("USER {user}:{user}")));
    assert!(dockerfile.contains("ENTRYPOINT [\"/teleport-operator\"]"), "the chart's command");
    // What is left out of the build can't be in it.
    let given = text(".dockerignore");
    for source in dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")) {
        for path in source.split_whitespace().filter(|path| !path.starts_with("--from") && *path != "./") {
            let is_ours = std::path::Path::new(path).exists();
            assert!(!is_ours || given.lines().any(|line| line == format!("!{path}")), "{path}");
        }
    }
}
