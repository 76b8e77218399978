//! Compiles `proto/` and lists `mappings/`, so that the binary carries both and needs neither protoc nor files at run time.
use std::{env, error::Error, fmt::Write as _, fs, path::Path, path::PathBuf};

/// Include paths, most recent first: a newer file shadows the official one of the same import path.
const PROTO: [&str; 2] = ["proto/teleport/newer", "proto/teleport/official"];
const MAPPINGS: &str = "mappings/teleport";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut files = Vec::new();
    for root in PROTO {
        println!("cargo::rerun-if-changed={root}");
        collect(Path::new(root), "proto", &mut files)?;
    }
    let mut compiler = protox::Compiler::new(PROTO)?;
    compiler.include_imports(true);
    compiler.open_files(&files)?;
    // Encoded by protox itself: prost's own types would drop the gogoproto options.
    fs::write(out.join("teleport.binpb"), compiler.encode_file_descriptor_set())?;

    println!("cargo::rerun-if-changed={MAPPINGS}");
    let mut mappings = Vec::new();
    collect(Path::new(MAPPINGS), "toml", &mut mappings)?;
    let mut list = String::from("&[\n");
    for file in mappings {
        let full = fs::canonicalize(&file)?;
        writeln!(list, "    ({file:?}, include_str!({full:?})),")?;
    }
    list.push_str("]\n");
    fs::write(out.join("mappings.rs"), list)?;
    Ok(())
}

/// All files below `folder` with the extension, in a fixed order.
fn collect(folder: &Path, extension: &str, into: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, extension, into)?;
        } else if path.extension().is_some_and(|found| found == extension) {
            into.push(path);
        }
    }
    Ok(())
}
