//! `docs/add-a-kind.md` is followed as a reader would: its files are made, and its commands print what it shows. `...`
//! stands for any lines, and `? 1` under a command for its exit code.
#[path = "support/kubernetes.rs"]
mod kubernetes;

use std::fs;
use std::path::Path;
use std::process::Command;

const PAGE: &str = "docs/add-a-kind.md";

/// What the page has the reader do.
enum Step {
    /// Make a file of this name.
    Make(String, String),
    /// Run commands, which print what is below them.
    Run(String),
}

/// A fenced block is a file if the line before it is its name with a colon, and commands if it says `console`.
fn steps(page: &str) -> Vec<Step> {
    let (mut steps, mut named, mut lines) = (Vec::new(), None, page.lines());
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let block: String =
                lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
            match (named.take(), language) {
                (Some(name), _) => steps.push(Step::Make(name, block)),
                (None, "console") => steps.push(Step::Run(block)),
                (None, _) => panic!("{PAGE}: a block that is neither a file nor commands:\n{block}"),
            }
        } else if !line.is_empty() {
            let name = line.strip_prefix('`').and_then(|line| line.strip_suffix("`:"));
            named = name.map(str::to_owned);
        }
    }
    steps
}

#[test]
fn its_commands_print_what_it_shows() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).expect("the page");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut commands = 0;
    for step in steps(&page) {
        match step {
            Step::Make(name, content) => {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
                fs::write(path, content).expect("a file");
            }
            Step::Run(block) => {
                // A command begins where a line does.
                let block = format!("\n{block}");
                for command in block.split("\n$ ").skip(1) {
                    run(folder.path(), command);
                    commands += 1;
                }
            }
        }
    }
    assert!(commands >= 8, "only {commands} commands were found");
}

/// Runs one command and holds what it prints against what is shown.
fn run(folder: &Path, block: &str) {
    let (command, shown) = block.split_once('\n').unwrap_or((block, ""));
    let (code, shown) = match shown.strip_prefix("? ").and_then(|rest| rest.split_once('\n')) {
        Some((code, shown)) => (code.parse().expect("an exit code"), shown),
        None => (0, shown),
    };
    let program = Path::new(env!("CARGO_BIN_EXE_teleport-operator"));
    let path = format!(
        "{}:{}",
        program.parent().expect("a folder").display(),
        std::env::var("PATH").expect("there is a PATH")
    );
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", &format!("{command} 2>&1")])
        .env("PATH", path)
        .env("KUBEBUILDER_ASSETS", kubernetes::assets())
        .env("NO_COLOR", "1")
        .current_dir(folder)
        .output()
        .expect("bash starts");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{command}\n{printed}");
    let (shown, lines): (Vec<_>, Vec<_>) =
        (shown.trim_end().lines().collect(), printed.trim_end().lines().collect());
    assert!(fits(&shown, &lines), "{command}\nprints\n{printed}\nand {PAGE} shows\n{}", shown.join("\n"));
}

/// Whether lines are those shown, where `...` is any number of them.
fn fits(shown: &[&str], lines: &[&str]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((&"...", rest)) => (0..=lines.len()).any(|skipped| fits(rest, &lines[skipped..])),
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, lines)| line == first && fits(rest, lines))
        }
    }
}

#[test]
fn only_dots_stand_for_other_lines() {
    let lines = ["a", "b", "c"];
    for shown in [vec!["a", "b", "c"], vec!["..."], vec!["a", "...", "c"], vec!["...", "a", "b", "c", "..."]]
    {
        assert!(fits(&shown, &lines), "{shown:?}");
    }
    for shown in [vec![], vec!["a", "b"], vec!["a", "...", "d"], vec!["...", "b"], vec!["a", "b", "c", "d"]] {
        assert!(!fits(&shown, &lines), "{shown:?}");
    }
}
