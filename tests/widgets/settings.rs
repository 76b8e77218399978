//! What a target's `[connection]` can say, and what is said of mistakes in it.
use std::path::Path;

use teleport_operator::cli::source::Given;
use teleport_operator::mapping;
use teleport_operator::mapping::plan::{Connection, Credentials, Way};

/// The inventory's connection with this in place of what it says; or all mistakes.
fn connection(text: &str) -> Result<Connection, Vec<String>> {
    let given = Given { target: Some("examples/widgets".into()), ..Given::default() };
    let (schema, mut layers) = given.parts().expect("the example is sound");
    let target = layers[0].iter_mut().find(|file| file.name.ends_with("target.toml")).expect("there is one");
    let (before, rest) = target.text.split_once("[connection]\n").expect("it says how to connect");
    let after = rest.split_once("\n[").expect("more follows").1;
    target.text = format!("{before}[connection]\n{text}\n[{after}");
    let loaded = mapping::load(&layers, &schema);
    loaded
        .map(|(target, _)| target.connection)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn files_are_relative_to_the_one_that_names_them() {
    let text = r#"
        kind = "grpc"
        address = "inventory.example:443"
        ca-file = "../tls/authorities.pem"
        certificate-file = "/etc/tls/certificate.pem"
        key-file = "/etc/tls/key.pem"
        token-file = "token"
        server-name = "inventory""#;
    let found = connection(text).expect("sound");
    assert_eq!((found.way, &*found.address), (Way::Grpc, "inventory.example:443"));
    let folder = Path::new("examples/widgets/mappings");
    let expected = Credentials {
        authorities: Some(folder.join("../tls/authorities.pem")),
        identity: Some(("/etc/tls/certificate.pem".into(), "/etc/tls/key.pem".into())),
        token: Some(folder.join("token")),
        server_name: Some("inventory".to_owned()),
    };
    assert_eq!(found.credentials, expected);
}

#[test]
fn mistakes_are_said() {
    for (text, expected) in [
        ("kind = \"grcp\"\naddress = \"a:1\"", "`kind` can't be `grcp` (did you mean `grpc`?)"),
        (
            "kind = \"grpc\"",
            "`address` is missing in `connection` (`host:port`, where no flag says another.)",
        ),
        (
            "kind = \"grpc\"\naddress = \"a:1\"\nkey-file = \"k\"",
            "`key-file` is nothing without `certificate-file`",
        ),
        (
            "kind = \"teleport\"\naddress = \"a:1\"\ntoken-file = \"t\"",
            "`token-file` is for the kind grpc alone",
        ),
        (
            "kind = \"grpc\"\naddress = \"a:1\"\ntoken-flie = \"t\"",
            "unknown key `token-flie` (did you mean `token-file`?)",
        ),
    ] {
        assert_eq!(connection(text).expect_err(text), [expected], "{text}");
    }
}
