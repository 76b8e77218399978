//! Flags that say how objects are synced: for all kinds, or for some of them (`KIND=WORD`).
use anyhow::{Result, bail};

use super::choose;
use crate::mapping::plan::Target;
use crate::mapping::policy::{Named, Policies};
use crate::sync::settings::{OfKind, Settings};

/// How objects are synced, unless their annotations, or those of their namespace, say otherwise.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Policies")]
pub struct Flags {
    /// What may be done to resources: manage, observe, create-only or no-delete; for some kinds KIND=WORD
    #[arg(long, value_delimiter = ',', value_name = "[KIND=]WORD")]
    management: Vec<String>,
    /// What becomes of changes made elsewhere: correct, report or ignore; for some kinds KIND=WORD
    #[arg(long, value_delimiter = ',', value_name = "[KIND=]WORD")]
    drift: Vec<String>,
    /// Whether resources that are not marked as ours are taken over: never, if-identical or always; for some kinds KIND=WORD
    #[arg(long, value_delimiter = ',', value_name = "[KIND=]WORD")]
    adopt: Vec<String>,
    /// How many objects are synced at a time [default: the target's own]; of one kind KIND=NUMBER
    #[arg(long, value_delimiter = ',', value_name = "[KIND=]NUMBER")]
    concurrency: Vec<String>,
    /// Do nothing: watch, and say in each object's status that it is paused
    #[arg(long)]
    paused: bool,
}

impl Flags {
    /// What they mean for this target.
    ///
    /// # Errors
    /// When a word is none, or a kind is not there.
    pub fn settings(&self, target: &Target) -> Result<Settings> {
        let mut settings = Settings { paused: self.paused, ..Settings::default() };
        policy(&mut settings, target, "management", &self.management, |policies, word| {
            policies.management = Some(word);
        })?;
        policy(&mut settings, target, "drift", &self.drift, |policies, word| policies.drift = Some(word))?;
        policy(&mut settings, target, "adopt", &self.adopt, |policies, word| policies.adopt = Some(word))?;
        for text in &self.concurrency {
            let (kinds, number) = split("concurrency", text, target)?;
            let Some(number) = number.parse().ok().filter(|number| *number > 0) else {
                bail!("--concurrency: `{number}` is no positive number");
            };
            match kinds {
                None => settings.concurrent = Some(number),
                Some(kinds) => of(&mut settings, &kinds, |kind| kind.concurrent = Some(number)),
            }
        }
        Ok(settings)
    }
}

fn policy<T: Named>(
    settings: &mut Settings,
    target: &Target,
    flag: &str,
    texts: &[String],
    set: impl Fn(&mut Policies, T),
) -> Result<()> {
    for text in texts {
        let (kinds, word) = split(flag, text, target)?;
        let word = T::of(word).map_err(|why| anyhow::anyhow!("--{flag}: {why}"))?;
        match kinds {
            None => set(&mut settings.policies, word),
            Some(kinds) => of(settings, &kinds, |kind| set(&mut kind.policies, word)),
        }
    }
    Ok(())
}

fn of(settings: &mut Settings, kinds: &[String], set: impl Fn(&mut OfKind)) {
    for kind in kinds {
        set(settings.kinds.entry(kind.clone()).or_default());
    }
}

/// The kinds that a flag is for, where it says which, and the rest of it.
fn split<'a>(flag: &str, text: &'a str, target: &Target) -> Result<(Option<Vec<String>>, &'a str)> {
    let Some((kind, word)) = text.split_once('=') else { return Ok((None, text.trim())) };
    match choose::named(&[kind.to_owned()], target) {
        Ok(kinds) => Ok((Some(kinds.iter().map(|kind| kind.kubernetes.kind.clone()).collect()), word.trim())),
        Err(mistakes) => {
            let texts: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
            bail!("--{flag}: {}", texts.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::embedded;
    use crate::mapping::policy::Drift;

    fn drift(words: &[&str]) -> Result<Settings> {
        let drift = words.iter().map(|word| (*word).to_owned()).collect();
        Flags { drift, ..Flags::default() }.settings(&embedded().expect("the embedded plan is sound"))
    }

    #[test]
    fn a_kind_goes_before_all_kinds() {
        let target = embedded().expect("the embedded plan is sound");
        let kind = target.kinds.first().expect("a kind");
        let name = kind.kubernetes.kind.as_str();
        let settings = drift(&["report", &format!("{name}=ignore")]).unwrap();
        assert_eq!(settings.policies_of(kind).drift, Some(Drift::Ignore));
        assert_eq!(settings.policies_of(target.kinds.last().expect("a kind")).drift, Some(Drift::Report));
    }

    #[test]
    fn what_is_no_word_or_no_kind_is_told() {
        let told = |words: &[&str]| drift(words).unwrap_err().to_string();
        assert!(told(&["reprot"]).contains("did you mean `report`?"));
        assert!(told(&["NoSuchKind=report"]).starts_with("--drift: there is no kind `NoSuchKind`"));
        let flags = Flags { concurrency: vec!["0".to_owned()], ..Flags::default() };
        assert!(flags.settings(&embedded().unwrap()).is_err());
    }
}
