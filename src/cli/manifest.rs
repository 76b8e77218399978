//! YAML and JSON texts into documents that know where in the text each of their values stands, so that a path becomes a
//! line and a column. Knows no kinds.
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScanError, Span, StrInput};
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Source};
use crate::translate::Place;

/// One document of a text.
#[derive(Debug)]
pub struct Document {
    /// Its value.
    pub json: Json,
    /// Where its values stand.
    pub spans: Arc<Spans>,
    /// The path of the value in the text's document: empty, or that of an element of a list of objects.
    pub within: String,
    /// Whether nothing is wrong with its text.
    pub is_sound: bool,
}

/// Where the values of a document stand in its text.
#[derive(Debug)]
pub struct Spans {
    source: Arc<Source>,
    start: usize,
    values: HashMap<String, Spot>,
}

#[derive(Debug, Clone)]
struct Spot {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

/// What a text holds.
#[derive(Debug, Default)]
pub struct Parsed {
    /// Documents that are not empty; also those that are not sound, for what else is wrong with them.
    pub documents: Vec<Document>,
    /// What is wrong with the text itself.
    pub problems: Vec<Diagnostic>,
}

/// Reads all documents of a text; after a mistake goes on with the next one.
pub fn parse(source: &Arc<Source>) -> Parsed {
    let parser = Parser::new_from_str(&source.text);
    let mut walk = Walk { source, parser, depth: 0, parsed: Parsed::default() };
    loop {
        match walk.document() {
            Ok(true) => {}
            Ok(false) => return walk.parsed,
            Err(error) => {
                walk.depth = 0;
                walk.parsed.problems.push(syntax(source, &error));
                if !matches!(walk.parser.proceed_next_document(), Ok(true)) {
                    return walk.parsed;
                }
            }
        }
    }
}

impl Document {
    /// The documents that a list of objects holds, or the document itself.
    pub fn expand(self) -> Vec<Self> {
        let is_list = self.json["kind"].as_str().is_some_and(|kind| kind == "List");
        match self.json.get("items") {
            Some(Json::Array(items)) if is_list => items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    let items = Place::Member(&Place::Root, "items");
                    let within = Place::Item(&items, index).to_string();
                    let (json, spans) = (item.clone(), Arc::clone(&self.spans));
                    Self { json, spans, within, is_sound: self.is_sound }
                })
                .flat_map(Self::expand)
                .collect(),
            _ => vec![self],
        }
    }

    /// Adds where in the text the diagnostic's path is. A label stands beside the value; without one it is the key that
    /// is underlined. What is missing points at the nearest thing around it.
    pub fn locate(&self, diagnostic: Diagnostic) -> Diagnostic {
        let path = self.absolute(diagnostic.path.as_deref().unwrap_or_default());
        let span = self.spans.find(&path, diagnostic.label.is_some());
        diagnostic.at(&self.spans.source, span)
    }

    /// The text with the values at these paths blotted out, for everything that is shown of it from now on.
    #[must_use]
    pub fn hiding(self, paths: &[String]) -> Self {
        if paths.is_empty() {
            return self;
        }
        let Spans { source, start, values } = &*self.spans;
        let mut text = source.text.clone().into_bytes();
        for path in paths {
            let span = values.get(&self.absolute(path)).map(|spot| spot.value.clone()).unwrap_or_default();
            let hidden = text.get_mut(span).into_iter().flatten().filter(|byte| !byte.is_ascii_whitespace());
            hidden.for_each(|byte| *byte = b'*');
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let source = Arc::new(Source { name: source.name.clone(), text });
        let spans = Arc::new(Spans { source, start: *start, values: values.clone() });
        Self { spans, ..self }
    }

    /// Where it starts: the text's name and a line number from 1.
    pub fn position(&self) -> String {
        let Spans { source, .. } = &*self.spans;
        let start = self.spans.find(&self.within, false).start;
        let line = source.text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        format!("{}:{line}", source.name)
    }

    fn absolute(&self, path: &str) -> String {
        match (self.within.as_str(), path) {
            ("", path) => path.to_owned(),
            (within, "") => within.to_owned(),
            (within, path) if path.starts_with('[') => format!("{within}{path}"),
            (within, path) => format!("{within}.{path}"),
        }
    }
}

impl Spans {
    fn find(&self, path: &str, wants_value: bool) -> Range<usize> {
        if let Some(spot) = self.values.get(path) {
            return spot.span(wants_value, &self.source.text);
        }
        let mut around = parent(path);
        while let Some(path) = around {
            if let Some(spot) = self.values.get(path) {
                return spot.span(false, &self.source.text);
            }
            around = parent(path);
        }
        self.first_line()
    }

    fn first_line(&self) -> Range<usize> {
        let text = self.source.text.get(self.start..).unwrap_or_default();
        self.start..self.start + text.find('\n').unwrap_or(text.len())
    }
}

impl Spot {
    /// Never more than one line: of something longer, its key or first line.
    fn span(&self, wants_value: bool, text: &str) -> Range<usize> {
        let value = text.get(self.value.clone()).unwrap_or_default();
        match &self.key {
            Some(key) if !wants_value || value.is_empty() || value.trim_end().contains('\n') => key.clone(),
            _ => self.value.start..self.value.start + value.lines().next().map_or(0, str::len),
        }
    }
}

/// The path around this one; none around the whole.
fn parent(path: &str) -> Option<&str> {
    if path.is_empty() {
        return None;
    }
    let end = match path.strip_suffix("\"]") {
        Some(quoted) => quoted.rfind("[\""),
        None => path.rfind(['.', '[']),
    };
    Some(&path[..end.unwrap_or(0)])
}

struct Walk<'a> {
    source: &'a Arc<Source>,
    parser: Parser<'a, StrInput<'a>>,
    /// How many lists and objects are open.
    depth: usize,
    parsed: Parsed,
}

/// How deep values may be nested: as deep as the library reads them, which says so less plainly.
const DEEPEST: usize = 64;

impl<'a> Walk<'a> {
    /// Reads one document; false: there is none left.
    fn document(&mut self) -> Result<bool, ScanError> {
        let start = loop {
            match self.next()? {
                Some((Event::DocumentStart(..), span)) => break range(&span),
                Some(_) => {}
                None => return Ok(false),
            }
        };
        let before = self.parsed.problems.len();
        let mut spans = Spans { source: Arc::clone(self.source), start: start.start, values: HashMap::new() };
        if let Some((event, span)) = self.next()? {
            spans.start = range(&span).start;
            self.node(event, &span, None, &Place::Root, &mut spans)?;
        }
        let end = match self.next()? {
            Some((Event::DocumentEnd, span)) => range(&span).end,
            _ => self.source.text.len(),
        };
        let is_sound = self.parsed.problems.len() == before;
        self.value(start.start..end, spans, is_sound);
        Ok(true)
    }

    /// The next event that is no comment.
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, ScanError> {
        loop {
            match self.parser.next().transpose()? {
                Some((Event::Comment(..), _)) => {}
                other => return Ok(other),
            }
        }
    }

    fn node(
        &mut self,
        event: Event<'a>,
        span: &Span,
        key: Option<Range<usize>>,
        at: &Place<'_>,
        spans: &mut Spans,
    ) -> Result<(), ScanError> {
        let start = range(span);
        if self.depth == DEEPEST {
            return Err(ScanError::new(span.start, "values are nested too deeply"));
        }
        self.depth += 1;
        let end = match event {
            Event::SequenceStart(..) => self.sequence(at, spans)?,
            Event::MappingStart(..) => self.mapping(at, spans)?,
            _ => start.end,
        };
        self.depth -= 1;
        spans.values.insert(at.to_string(), Spot { key, value: start.start..end.max(start.start) });
        Ok(())
    }

    fn sequence(&mut self, at: &Place<'_>, spans: &mut Spans) -> Result<usize, ScanError> {
        for index in 0.. {
            match self.next()? {
                None => break,
                Some((Event::SequenceEnd, span)) => return Ok(range(&span).end),
                Some((event, span)) => self.node(event, &span, None, &Place::Item(at, index), spans)?,
            }
        }
        Ok(self.source.text.len())
    }

    fn mapping(&mut self, at: &Place<'_>, spans: &mut Spans) -> Result<usize, ScanError> {
        let mut seen: HashMap<String, Range<usize>> = HashMap::new();
        while let Some((event, span)) = self.next()? {
            let key = match event {
                Event::MappingEnd => return Ok(range(&span).end),
                Event::Scalar(key, ..) => key.into_owned(),
                other => {
                    self.problem("a key is no text", &Place::Root, range(&span));
                    let mut ignored = Spans { values: HashMap::new(), ..spans.bare() };
                    self.node(other, &span, None, &Place::Root, &mut ignored)?;
                    if let Some((event, span)) = self.next()? {
                        self.node(event, &span, None, &Place::Root, &mut ignored)?;
                    }
                    continue;
                }
            };
            let place = Place::Key(at, &key);
            let key_span = range(&span);
            if seen.insert(key.clone(), key_span.clone()).is_some() {
                self.problem("this key is there twice", &place, key_span.clone());
            }
            if let Some((event, span)) = self.next()? {
                self.node(event, &span, Some(key_span), &place, spans)?;
            }
        }
        Ok(self.source.text.len())
    }

    fn problem(&mut self, message: &str, at: &Place<'_>, span: Range<usize>) {
        let problem = Diagnostic::error(message).at(self.source, span);
        let path = at.to_string();
        self.parsed.problems.push(if path.is_empty() { problem } else { problem.path(path) });
    }

    /// The value of a document, by the rules that `kubectl` reads YAML by: `yes` and `off` are booleans, `0755` is octal.
    fn value(&mut self, span: Range<usize>, spans: Spans, is_sound: bool) {
        let text = self.source.text.get(span.clone()).unwrap_or_default();
        let options = serde_saphyr::options! {
            duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
            legacy_octal_numbers: true,
            with_snippet: false,
        };
        match serde_saphyr::from_str_with_options::<Json>(text, options) {
            Ok(Json::Null) => {}
            // What stopped it has been said.
            Err(_) if !is_sound => {}
            Ok(json) => {
                let (spans, within) = (Arc::new(spans), String::new());
                self.parsed.documents.push(Document { json, spans, within, is_sound });
            }
            Err(error) => {
                let problem = Diagnostic::error(format!("this can't be read: {error}"));
                self.parsed.problems.push(problem.at(self.source, spans.first_line()));
            }
        }
    }
}

impl Spans {
    fn bare(&self) -> Self {
        Self { source: Arc::clone(&self.source), start: self.start, values: HashMap::new() }
    }
}

fn syntax(source: &Arc<Source>, error: &ScanError) -> Diagnostic {
    let at = error.marker().byte_offset().unwrap_or_default().min(source.text.len());
    Diagnostic::error(format!("this is no YAML: {}", error.info())).at(source, at..at)
}

fn range(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or_default()
}
