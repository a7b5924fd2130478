//! Masks in every line what has the form of a credential, whoever wrote the line.
//!
//! The forms are those of the journal's redaction: the product's own keys, tokens and webhook secrets, bearer and basic
//! credentials, URLs with a password, and the tokens of other services. A secret without a form (the operator's credential,
//! a signing seed) cannot be recognised; those stay in types that do not print.
//!
//! Every value of a line is masked by itself, so that no rule matches across two fields. One value is left as it is: the
//! event of a spill line, which is sanitized already and would not be the one that was hashed with a letter changed.

use std::{borrow::Cow, io};

use serde_json::{Map, Value};
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::journal::{audit_log::SPILL_TARGET, redaction::mask_credentials};

/// What stands in the place of a credential.
const MASK: &str = "***";

/// The field of a spill line that holds its event.
const SPILLED_EVENT: &str = "event";

/// Writers that mask; the layer above writes one whole line at a time.
pub(super) struct Masking<M>(pub(super) M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Masking<M> {
    type Writer = MaskingWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        MaskingWriter {
            writer: self.0.make_writer(),
            whole: None,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        MaskingWriter {
            writer: self.0.make_writer_for(metadata),
            whole: (metadata.target() == SPILL_TARGET).then_some(SPILLED_EVENT),
        }
    }
}

/// Masks each line before it writes it.
pub(super) struct MaskingWriter<W> {
    writer: W,
    /// The field that is written whole.
    whole: Option<&'static str>,
}

impl<W: io::Write> io::Write for MaskingWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let line_as_text = String::from_utf8_lossy(line);
        self.writer.write_all(masked(&line_as_text, self.whole).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The line without credentials, but for the field `whole`. It is read as the JSON it is, because a letter of an escape (`\n`) is no part of the
/// credential behind it, and a mask must not take a quote or a brace with it.
fn masked<'a>(line: &'a str, whole: Option<&str>) -> Cow<'a, str> {
    let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(line) else {
        return mask_credentials(line, MASK);
    };
    // Names of fields are written in the code.
    let found = fields
        .iter_mut()
        .filter(|(name, _)| whole != Some(name.as_str()))
        .fold(false, |any, (_, field)| mask(field) | any);
    if found {
        Cow::Owned(format!("{}\n", Value::Object(fields)))
    } else {
        Cow::Borrowed(line)
    }
}

/// Whether there was anything to mask.
fn mask(value: &mut Value) -> bool {
    match value {
        Value::String(text) => {
            let Cow::Owned(masked) = mask_credentials(text, MASK) else {
                return false;
            };
            *text = masked;
            true
        }
        Value::Array(items) => items.iter_mut().fold(false, |any, item| mask(item) | any),
        Value::Object(fields) => fields.values_mut().fold(false, |any, field| mask(field) | any),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, sync::Mutex};

    use serde_json::json;

    use super::*;

    /// One of each form that the product itself hands out or is given, put together here so that no scanner of
    /// repositories takes them for real ones.
    fn secrets() -> Vec<String> {
        vec![
            format!("cs_production_{}_{}", "0".repeat(22), "aB3".repeat(11)),
            format!("cst_{}", "a-_Z".repeat(11)),
            format!("csl_{}", "a-_Z".repeat(16)),
            format!("whsec_{}", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            format!("eyJ{}.eyJ{}.{}", "hbGciOiJIUzI1NiJ9", "zdWIiOiIxIn0", "c2lnbmF0dXJl"),
            format!("AKIA{}", "IOSFODNN7EXAMPLE"),
        ]
    }

    #[test]
    fn every_form_is_masked_in_every_place_and_the_line_stays_json() {
        for secret in secrets() {
            for text in [
                secret.clone(),
                format!("Bearer {secret}"),
                format!("https://host/path?key={secret}&x=1"),
                format!("{{\"nested\":\"{{\\\"deep\\\":\\\"{secret}\\\"}}\"}}"),
                format!("Request {{ headers: {{\"authorization\": \"{secret}\"}} }}"),
                format!("line\n{secret}\nline"),
                format!("{:?}", format!("line\n{secret}\nline")),
                format!("q=%20{secret}"),
            ] {
                let line = format!(
                    "{}\n",
                    json!({"level": "ERROR", "cause": text, "spans": [{"path": text}], "n": 1})
                );
                let shown = masked(&line, None);
                assert!(!shown.contains(&secret), "{shown}");
                assert!(shown.ends_with('\n') && !shown.trim_end().contains('\n'));
                let fields: Value = serde_json::from_str(&shown).expect("JSON");
                assert_eq!((&fields["level"], &fields["n"]), (&json!("ERROR"), &json!(1)));
                // Around the secret everything is as it was.
                assert_eq!(
                    fields["cause"].as_str().map(|cause| cause.contains(MASK)),
                    Some(true),
                    "{shown}"
                );
            }
        }
    }

    #[test]
    fn a_password_in_a_url_is_masked_and_the_rest_says_where_it_led() {
        for scheme in ["postgres", "redis", "https"] {
            let line = json!({"message": format!("{scheme}://app:hunter2@db.example:5432/x")}).to_string();
            assert_eq!(
                masked(&line, None).trim_end(),
                json!({"message": format!("{scheme}://app:***@db.example:5432/x")}).to_string()
            );
        }
    }

    #[test]
    fn a_key_without_its_end_takes_its_own_field_with_it_and_no_other() {
        let pem = format!("-----BEGIN {}-----\nMIIEvQ", "PRIVATE KEY");
        let line = json!({"cause": pem, "level": "ERROR"}).to_string();
        let fields: Value = serde_json::from_str(&masked(&line, None)).expect("JSON");
        assert_eq!(fields, json!({"cause": MASK, "level": "ERROR"}));
    }

    #[test]
    fn a_line_without_credentials_is_left_alone() {
        let line = "{\"target\":\"request\",\"route\":\"/api/v1/approvals/{id}\",\"principal\":\"agent:cs_team\"}\n";
        assert!(matches!(masked(line, None), Cow::Borrowed(same) if same == line));
    }

    #[test]
    fn what_is_no_json_is_masked_as_text() {
        let secret = &secrets()[0];
        assert_eq!(
            masked(&format!("not JSON: {secret}"), None),
            format!("not JSON: {MASK}")
        );
    }

    #[test]
    fn no_rule_matches_across_two_fields() {
        let line = json!({"action": "mysql dump nightly", "tool": "run -prod", "spans": [{"a": "Bearer"}, {"b": "x1".repeat(9)}]});
        let line = format!("{line}\n");
        assert!(
            mask_credentials(&line, MASK).contains(MASK),
            "as one text it would be masked"
        );
        assert_eq!(masked(&line, None), line);
    }

    #[test]
    fn only_the_named_field_of_the_line_itself_is_left_whole() {
        let secret = &secrets()[0];
        let line = json!({"event": secret, "reason": secret, "spans": [{"event": secret}]}).to_string();
        let fields: Value = serde_json::from_str(&masked(&line, Some("event"))).expect("JSON");
        assert_eq!(
            fields,
            json!({"event": secret, "reason": MASK, "spans": [{"event": MASK}]})
        );
    }

    /// Keeps what it was given until it is flushed.
    #[derive(Default)]
    struct Held {
        kept: Vec<u8>,
        flushed: Vec<u8>,
    }

    impl io::Write for Held {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // A pipe that is nearly full takes a part.
            let taken = bytes.len().min(7);
            self.kept.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.flushed.append(&mut self.kept);
            Ok(())
        }
    }

    #[test]
    fn every_writer_masks_whole_lines_and_passes_a_flush_on() {
        let masking = Masking(Mutex::new(Held::default()));
        let line = format!("{{\"message\":\"the key {} leaked\"}}\n", secrets()[0]);
        let written = masking.make_writer().write(line.as_bytes()).expect("written");
        assert_eq!(written, line.len(), "the whole line is taken, whatever became of it");
        masking.make_writer().flush().expect("flushed");
        let held = masking.0.lock().expect("not poisoned");
        assert_eq!(
            String::from_utf8_lossy(&held.flushed),
            "{\"message\":\"the key *** leaked\"}\n"
        );
    }
}
