//! Shows diagnostics as compilers do: file, line and column, the text underlined, what is wrong and what to do.
//! Nothing else renders them.
use std::io::{self, IsTerminal, Write};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Severity};

/// Whether a stream is shown in colours: a terminal, unless `NO_COLOR` is set.
pub fn is_coloured(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes diagnostics, an empty line after each.
///
/// # Errors
/// When the output can't be written.
pub fn write(diagnostics: &[Diagnostic], coloured: bool, out: &mut impl Write) -> io::Result<()> {
    diagnostics.iter().try_for_each(|diagnostic| writeln!(out, "{}\n", render(diagnostic, coloured)))
}

/// One diagnostic, without a line end.
pub fn render(diagnostic: &Diagnostic, coloured: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = match &diagnostic.path {
        Some(path) => format!("{path}: {}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let mut group = Group::with_title(level.primary_title(title));
    if let Some((source, span)) = &diagnostic.at {
        let end = source.text.len();
        let span = span.start.min(end)..span.end.min(end);
        let annotation = AnnotationKind::Primary.span(span).label(diagnostic.label.as_deref());
        group = group.element(Snippet::source(&source.text).path(&source.name).annotation(annotation));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}
