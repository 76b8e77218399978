//! The gRPC codec for messages that are known by their descriptors only. Encodes and decodes; decides nothing.
use bytes::{Buf, BufMut};
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Largest message that is taken, in bytes. gRPC's own limit of 4 MiB is too small for a page of large resources.
pub const RECEIVE_LIMIT: usize = 64 << 20;

/// Sends any message, and reads messages of one type.
#[derive(Debug, Clone)]
pub struct DynamicCodec {
    reads: MessageDescriptor,
}

impl DynamicCodec {
    /// A codec that reads messages of this type: a client gives a method's output, a server its input.
    pub fn new(reads: MessageDescriptor) -> Self {
        Self { reads }
    }
}

impl Codec for DynamicCodec {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Writer;
    type Decoder = Self;

    fn encoder(&mut self) -> Writer {
        Writer
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

/// Writes a message as it is.
#[derive(Debug, Clone, Copy)]
pub struct Writer;

impl Encoder for Writer {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        write(&message, buffer)
    }
}

fn write(message: &DynamicMessage, buffer: &mut impl BufMut) -> Result<(), Status> {
    message.encode(buffer).map_err(|error| Status::internal(format!("the message can't be encoded: {error}")))
}

impl Decoder for DynamicCodec {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        read(&self.reads, buffer).map(Some)
    }
}

/// No bytes are a message, too: the empty one.
fn read(descriptor: &MessageDescriptor, buffer: &mut impl Buf) -> Result<DynamicMessage, Status> {
    DynamicMessage::decode(descriptor.clone(), buffer).map_err(|error| {
        Status::internal(format!("the peer sent what is no {}: {error}", descriptor.full_name()))
    })
}

#[cfg(test)]
mod tests {
    use prost_reflect::{DescriptorPool, Value};

    use super::*;

    fn duration() -> MessageDescriptor {
        DescriptorPool::global().get_message_by_name("google.protobuf.Duration").expect("well known")
    }

    #[test]
    fn what_is_written_is_read() {
        let mut message = DynamicMessage::new(duration());
        message.set_field_by_name("seconds", Value::I64(7));
        let mut bytes = Vec::new();
        write(&message, &mut bytes).expect("encodes");
        assert_eq!(read(&duration(), &mut bytes.as_slice()).expect("decodes"), message);
    }

    #[test]
    fn no_bytes_are_the_empty_message() {
        let read = read(&duration(), &mut [].as_slice()).expect("decodes");
        assert_eq!(read, DynamicMessage::new(duration()));
    }

    #[test]
    fn other_bytes_are_an_error_that_names_the_type() {
        let error = read(&duration(), &mut [0x0f, 0xff].as_slice()).expect_err("no message");
        assert!(error.message().contains("google.protobuf.Duration"), "{}", error.message());
    }
}
