//! Flags as Go programs take them: one dash or two, `-name value` or `-name=value`, `-name=true` for a switch.
//! Turns them into the form that the command line's parser knows, and leaves everything else alone.
use clap::{ArgAction, Command};

/// The arguments with every long flag of `command` that has one dash given two, and `=true` taken off switches.
pub fn from_go(command: &Command, args: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut literal = false;
    args.into_iter()
        .map(|arg| {
            literal |= arg == "--";
            if literal { arg } else { flag(command, &arg).unwrap_or(arg) }
        })
        .collect()
}

fn flag(command: &Command, arg: &str) -> Option<String> {
    let written = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-'))?;
    let (name, value) = match written.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (written, None),
    };
    let known = command.get_arguments().find(|known| known.get_long() == Some(name))?;
    let is_switch = matches!(known.get_action(), ArgAction::SetTrue);
    match value {
        Some("true" | "1" | "t" | "T" | "TRUE" | "True") if is_switch => Some(format!("--{name}")),
        _ => Some(format!("--{written}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn one_dash_is_as_good_as_two() {
        let command = Command::new("x")
            .arg(Arg::new("auth-server").long("auth-server"))
            .arg(Arg::new("insecure").long("insecure").action(ArgAction::SetTrue))
            .arg(Arg::new("file").short('f'));
        let args =
            ["x", "-auth-server", "a:1", "-auth-server=b", "-insecure=true", "-f", "y", "--", "-insecure"];
        let given = from_go(&command, args.map(str::to_owned));
        let expected =
            ["x", "--auth-server", "a:1", "--auth-server=b", "--insecure", "-f", "y", "--", "-insecure"];
        assert_eq!(given, expected);
    }
}
