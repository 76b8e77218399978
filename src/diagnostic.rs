//! A mistake in somebody's input, as a value: what is wrong, where, and what to do. Says nothing about how it is shown.
use std::{fmt, ops::Range, sync::Arc};

/// A text that a diagnostic can point into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name a user knows it by: a file's path, or `<stdin>`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// The file's name, without folder and extension.
    pub fn stem(&self) -> &str {
        let file = self.name.rsplit('/').next().unwrap_or_default();
        file.rsplit_once('.').map_or(file, |(stem, _)| stem)
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Accepted, but probably not what was meant.
    Warning,
    /// Refused.
    Error,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the input is refused for it.
    pub severity: Severity,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// Where in the value, as a dotted path from its root (`spec.allow.logins[0]`), when it is in one.
    pub path: Option<String>,
    /// Where in the text: the source and a range of bytes in it.
    pub at: Option<(Arc<Source>, Range<usize>)>,
    /// A few words beside the underlined text.
    pub label: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake for which the input is refused.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    /// Something that is accepted but worth a look.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self { severity, message: message.into(), path: None, at: None, label: None, help: None }
    }

    /// Says where in the value it is.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Says where in the text it is.
    #[must_use]
    pub fn at(mut self, source: &Arc<Source>, span: Range<usize>) -> Self {
        self.at = Some((Arc::clone(source), span));
        self
    }

    /// Adds words beside the underlined text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the help, where there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

impl fmt::Display for Diagnostic {
    /// One line: path, message, help. What a condition or a log line says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

/// Whether any of them refuses the input.
pub fn refused(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// ``did you mean `x`?`` for the candidate nearest to what was written, if one is near enough to be a slip.
pub fn did_you_mean<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(written, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// The candidate nearest to what was written, if one is near enough to be a slip.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A common beginning makes names alike, however much of the rest differs; two letters the wrong way round don't.
    const NEAR: f64 = 0.7;
    const SHARED: f64 = 0.5;
    let written = written.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (candidate.to_lowercase(), candidate))
        .filter(|(lower, _)| {
            let is_near = strsim::jaro_winkler(&written, lower) >= NEAR
                && strsim::normalized_damerau_levenshtein(&written, lower) >= SHARED;
            is_near || lower.len() > 2 && strsim::damerau_levenshtein(&written, lower) == 1
        })
        .max_by(|(a, _), (b, _)| {
            strsim::jaro_winkler(&written, a).total_cmp(&strsim::jaro_winkler(&written, b))
        })
        .map(|(_, candidate)| candidate)
}
