// joinv1wire.go reads and writes the messages of joinv1.proto, which is compiled when the
// program starts: no generated code for it is at hand. It must not know what they mean.

package main

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/bufbuild/protocompile"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const joinServiceV1 = "teleport.join.v1.JoinService"

//go:embed joinv1.proto
var joinV1Source string

var joinV1 = mustCompile("joinv1.proto", joinV1Source)

func mustCompile(name, source string) protoreflect.FileDescriptor {
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{name: source}),
	})}
	files, err := compiler.Compile(context.Background(), name)
	if err != nil {
		panic(fmt.Sprintf("%s is part of this program: %v", name, err))
	}
	return files[0]
}

// node is a message, or one that is absent.
type node struct{ protoreflect.Message }

func newNode(name protoreflect.Name) node {
	return node{dynamicpb.NewMessage(joinV1.Messages().ByName(name))}
}

func (n node) field(name protoreflect.Name) protoreflect.FieldDescriptor {
	found := n.Descriptor().Fields().ByName(name)
	if found == nil {
		panic(fmt.Sprintf("%s has no field %s", n.Descriptor().FullName(), name))
	}
	return found
}

func (n node) has(name protoreflect.Name) bool { return n.Has(n.field(name)) }
func (n node) at(name protoreflect.Name) node  { return node{n.Get(n.field(name)).Message()} }
func (n node) text(name protoreflect.Name) string {
	return n.Get(n.field(name)).String()
}
func (n node) bytes(name protoreflect.Name) []byte { return n.Get(n.field(name)).Bytes() }

// timestamp is a field of that type, nil if it is not set.
func (n node) timestamp(name protoreflect.Name) (*timestamppb.Timestamp, error) {
	if !n.has(name) {
		return nil, nil
	}
	raw, err := proto.Marshal(n.at(name).Interface())
	if err != nil {
		return nil, err
	}
	stamp := &timestamppb.Timestamp{}
	return stamp, proto.Unmarshal(raw, stamp)
}

// in makes the message of a field, to be filled.
func (n node) in(name protoreflect.Name) node { return node{n.Mutable(n.field(name)).Message()} }

func (n node) setText(name protoreflect.Name, value string) {
	n.Set(n.field(name), protoreflect.ValueOfString(value))
}

func (n node) setBytes(name protoreflect.Name, value []byte) {
	n.Set(n.field(name), protoreflect.ValueOfBytes(value))
}

func (n node) addBytes(name protoreflect.Name, value []byte) {
	n.Mutable(n.field(name)).List().Append(protoreflect.ValueOfBytes(value))
}

// joinStream is one exchange with a client.
type joinStream struct{ grpc.ServerStream }

func (s joinStream) receive() (node, error) {
	message := newNode("JoinRequest")
	return message, s.RecvMsg(message.Interface())
}

func (s joinStream) send(message node) error { return s.SendMsg(message.Interface()) }

// joinV1Description registers the service; its handler is called for every Join.
func joinV1Description(join func(joinStream) error) *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: joinServiceV1,
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName:    "Join",
			Handler:       func(_ any, stream grpc.ServerStream) error { return join(joinStream{stream}) },
			ServerStreams: true,
			ClientStreams: true,
		}},
		Metadata: "joinv1.proto",
	}
}
