//! Any bytes at all where something from outside is read: the entries of the fuzz targets, on less input.
#[path = "../../fuzz/src/lib.rs"]
mod entries;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use prost::Message;
use teleport_operator::teleport::proto;

/// Bytes that look like an answer, more or less.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("HTTP/1.1 200 OK\r\n".to_owned()),
        Just("HTTP/1.1 100 Continue\r\n\r\n".to_owned()),
        Just("HTTP/1.1 101 Switching Protocols\r\n".to_owned()),
        Just("Transfer-Encoding: chunked\r\n".to_owned()),
        Just("Content-Type: text/html\r\n".to_owned()),
        "Content-Length: [0-9]{1,20}\r\n",
        "[0-9a-f]{1,17}\r\n",
        "[a-zA-Z-]{0,9}: \\PC{0,20}\r\n",
        Just("\r\n".to_owned()),
        Just("<html><title>".to_owned()),
    ];
    let part = prop_oneof![
        3 => line.prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..30),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// Bytes that look like frames, more or less.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let sound =
        (prop_oneof![Just(2_u8), Just(0), Just(1), Just(8), Just(9), Just(10)], any::<bool>(), 0_u8..125)
            .prop_map(|(opcode, is_final, length)| {
                let mut frame = vec![opcode | if is_final { 0x80 } else { 0 }, length];
                frame.extend(std::iter::repeat_n(b'x', usize::from(length)));
                frame
            });
    let part = prop_oneof![3 => sound, 1 => prop::collection::vec(any::<u8>(), 0..20)];
    prop::collection::vec(part, 0..10).prop_map(|parts| parts.concat())
}

/// A certificate with some bytes changed.
fn certificates() -> impl Strategy<Value = Vec<u8>> {
    let sound = super::support::own_certificate(&super::support::HOST_NAMES, 1).certificate.to_vec();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let cut = prop_oneof![3 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    (changes, cut).prop_map(move |(changes, cut)| {
        let mut bytes = sound.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    })
}

proptest! {
    #[test]
    fn no_http_answer_is_too_broken(answer in answer()) {
        entries::http_answer(&answer);
    }

    #[test]
    fn no_websocket_frame_is_too_broken(bytes in frames()) {
        entries::websocket(&bytes);
    }

    #[test]
    fn no_certificate_is_too_broken(bytes in certificates()) {
        entries::certificate(&bytes);
        entries::identity(pem(&bytes).as_bytes());
        for answer in answers(&bytes) {
            entries::join_answer(&answer);
        }
    }

    #[test]
    fn no_text_is_too_broken(text in "(\\PC|[]\\[:/@.,;=0-9a-z{}\"]){0,40}") {
        entries::address(text.as_bytes());
        entries::ping(text.as_bytes());
        entries::identity(text.as_bytes());
        entries::join_answer(text.as_bytes());
        entries::refusal(text.as_bytes());
        entries::token(format!("a.{}.c", URL_SAFE_NO_PAD.encode(&text)).as_bytes());
    }
}

/// An identity file with this certificate as its own and as an authority.
fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let key = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let certificate = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    format!("{key}{certificate}{certificate}")
}

/// Answers to a join with this certificate, in each form.
fn answers(certificate: &[u8]) -> [Vec<u8>; 3] {
    let pem =
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(certificate));
    let text = STANDARD.encode(&pem);
    let json = format!(r#"{{"tls":"{text}","tls_ca_certs":["{text}","{text}"]}}"#);
    let certs = proto::Certs { tls: pem.clone().into(), tls_authorities: vec![pem.into()] };
    let certificates =
        proto::Certificates { tls: certificate.to_vec(), tls_authorities: vec![certificate.to_vec()] };
    let bot = proto::BotResult { certificates: Some(certificates) };
    let answer = Some(proto::Answer::Result(proto::Joined { bot: Some(bot) }));
    [json.into(), certs.encode_to_vec(), proto::JoinResponse { answer }.encode_to_vec()]
}
