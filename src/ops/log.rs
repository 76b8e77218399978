//! Logs: JSON lines for machines, plain lines for people, on standard error. Decides nothing about what is logged but its
//! level.
use std::{
    fmt,
    io::{self, IsTerminal},
    str::FromStr,
};

use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::{JsonFields, Writer},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// What libraries may say: errors come back to us as values and are told once, by us; and the Kubernetes client's warning
/// about an answer that it can't decode quotes the answer.
const LIBRARIES: &str = "kube_client=error,kube_client::client::builder=off,kube_runtime=error,hyper=warn,\
    hyper_util=warn,h2=warn,tonic=warn,tower=warn,rustls=warn,tungstenite=warn,tokio_tungstenite=warn";

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line: `timestamp`, `level`, `component`, `message`, and the fields of the event.
    Json,
    /// For people.
    Text,
}

impl Format {
    /// Text on a terminal, else JSON.
    pub fn by_terminal() -> Self {
        if io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }
}

impl FromStr for Format {
    type Err = BadSetting;

    fn from_str(text: &str) -> Result<Self, BadSetting> {
        match text.to_ascii_lowercase().as_str() {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(BadSetting::Format(text.to_owned())),
        }
    }
}

/// A setting that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSetting {
    /// Not a level, and not a filter.
    #[error(
        "unknown log level {0:?}: TRACE, DEBUG, INFO, WARN or ERROR, or a filter such as info,hyper=debug"
    )]
    Level(String),
    /// Not a format.
    #[error("unknown log format {0:?}: json or text")]
    Format(String),
}

/// Starts logging for the whole process. `level` is a level's name in any case, or a filter by component
/// (`info,hyper=debug`).
///
/// # Errors
/// When `level` is neither.
pub fn start(level: &str, format: Format) -> Result<(), BadSetting> {
    let filter = filter(level)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match format {
        Format::Json => lines.fmt_fields(JsonFields::new()).event_format(JsonLine).boxed(),
        Format::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
    };
    // Fails only if logging was started before; then that stays.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, BadSetting> {
    let bad = || BadSetting::Level(level.to_owned());
    // A bare word that is no level would be taken for a component, and silence all others.
    if !level.contains(['=', ',']) {
        Level::from_str(level).map_err(|_| bad())?;
    }
    EnvFilter::try_new(format!("{LIBRARIES},{level}")).map_err(|_| bad())
}

/// Prints an event as one JSON object; the fields of the spans that it is in are its own, too.
struct JsonLine;

impl<S> FormatEvent<S, JsonFields> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line::default();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            line.0.extend(span_fields::<JsonFields>(span.extensions().get()));
        }
        event.record(&mut line);
        let meta = event.metadata();
        line.set("timestamp", OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default());
        line.set("level", meta.level().as_str().to_ascii_lowercase());
        line.set("component", component(meta.target()));
        writeln!(writer, "{}", Value::Object(line.0))
    }
}

fn span_fields<F: for<'w> FormatFields<'w> + 'static>(
    fields: Option<&FormattedFields<F>>,
) -> Map<String, Value> {
    fields.and_then(|fields| serde_json::from_str(&fields.fields).ok()).unwrap_or_default()
}

/// Our own modules go without the crate's name.
fn component(target: &str) -> &str {
    target.strip_prefix(concat!(env!("CARGO_CRATE_NAME"), "::")).unwrap_or(target)
}

#[derive(Default)]
struct Line(Map<String, Value>);

impl Line {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{info, info_span, subscriber::with_default, warn};
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Buffer {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn logged(level: &str, act: impl FnOnce()) -> Vec<Value> {
        let buffer = Buffer::default();
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(buffer.clone())
            .fmt_fields(JsonFields::new())
            .event_format(JsonLine);
        with_default(tracing_subscriber::registry().with(filter(level).unwrap()).with(lines), act);
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_has_the_usual_fields_the_events_and_those_of_its_spans() {
        let lines = logged("INFO", || {
            let _span = info_span!("pass", kind = "Widget", name = "a").entered();
            warn!(count = 3, ratio = 0.5, done = true, name = "b", "odd \"things\"\nhappen");
        });
        let [line] = lines.as_slice() else { panic!("not one line: {lines:?}") };
        assert!(OffsetDateTime::parse(line["timestamp"].as_str().unwrap(), &Rfc3339).is_ok());
        assert_eq!(line["level"], "warn");
        assert_eq!(line["component"], "ops::log::tests");
        assert_eq!(line["message"], "odd \"things\"\nhappen");
        assert_eq!(
            (line["count"].as_i64(), line["ratio"].as_f64(), &line["done"]),
            (Some(3), Some(0.5), &Value::Bool(true))
        );
        assert_eq!((&line["kind"], &line["name"]), (&"Widget".into(), &"b".into()));
    }

    #[test]
    fn levels_are_names_in_any_case_or_filters() {
        for (level, lines) in [("info", 1), ("INFO", 1), ("Warn", 0), ("error,teleport_operator=info", 1)] {
            assert_eq!(logged(level, || info!("x")).len(), lines, "{level}");
        }
        for level in ["", "verbose", "5x", "info,=,", "a=b"] {
            assert_eq!(filter(level).err(), Some(BadSetting::Level(level.to_owned())), "{level}");
        }
    }

    #[test]
    fn an_undecodable_answer_is_not_quoted_even_at_trace() {
        let lines = logged("trace", || warn!(target: "kube_client::client", "hunter2"));
        assert!(lines.is_empty(), "{lines:?}");
    }

    #[test]
    fn formats_have_names() {
        assert_eq!("JSON".parse(), Ok(Format::Json));
        assert_eq!("text".parse(), Ok(Format::Text));
        assert!("xml".parse::<Format>().is_err());
    }
}
