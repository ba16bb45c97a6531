package hadoopproto

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "heddle/hadoop-proto/admin"
	_ "heddle/hadoop-proto/common"
	_ "heddle/hadoop-proto/mapreduce"
	_ "heddle/hadoop-proto/yarn"
)

// notSpoken lists the Hadoop files that no Heddle daemon or client speaks, each with why.
var notSpoken = map[string]string{
	"HSAdminRefreshProtocol.proto":              "MapReduce history server",
	"MRClientProtocol.proto":                    "MapReduce AM",
	"mr_protos.proto":                           "MapReduce AM",
	"mr_service_protos.proto":                   "MapReduce AM",
	"YarnCsiAdaptor.proto":                      "CSI volumes",
	"yarn_csi_adaptor.proto":                    "CSI volumes",
	"yarn_server_federation_protos.proto":       "federation",
	"yarn_server_timelineserver_recovery.proto": "timeline server",
	"ZKFCProtocol.proto":                        "HDFS failover controller",
	"SCMUploader.proto":                         "shared cache",
	"client_SCM_protocol.proto":                 "shared cache",
	"server/SCM_Admin_protocol.proto":           "shared cache",
	"collectornodemanager_protocol.proto":       "timeline collector",
}

var adminFiles = map[string]bool{
	"server/yarn_server_resourcemanager_service_protos.proto": true,
	"server/resourcemanager_administration_protocol.proto":    true,
}

// ours maps one of Hadoop's full names, found in file, to our name for it.
func ours(file, name string) protoreflect.FullName {
	name = strings.TrimPrefix(name, ".")
	if adminFiles[file] {
		return protoreflect.FullName(strings.Replace(name, "hadoop.yarn.", "heddle.hadoop.yarn.admin.", 1))
	}
	return protoreflect.FullName("heddle." + name)
}

// extensionLow to extensionHigh are the field numbers that only Heddle uses.
const extensionLow, extensionHigh = 15000, 15099

func TestSchemaEqualsHadoopDescriptors(t *testing.T) {
	raw, err := os.ReadFile("testdata/hadoop-3.5.0.binpb")
	if err != nil {
		t.Fatal(err)
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	defined := map[string]string{} // Hadoop's type name -> its file
	for _, f := range set.File {
		eachType(f, func(name string, _ *descriptorpb.DescriptorProto, _ *descriptorpb.EnumDescriptorProto) {
			defined[name] = f.GetName()
		})
	}
	messages, enums, methods := 0, 0, 0
	for _, f := range set.File {
		file := f.GetName()
		if _, ok := notSpoken[file]; ok {
			continue
		}
		eachType(f, func(name string, m *descriptorpb.DescriptorProto, e *descriptorpb.EnumDescriptorProto) {
			d, err := protoregistry.GlobalFiles.FindDescriptorByName(ours(file, name))
			if err != nil {
				t.Errorf("%s: %s has no counterpart: %v", file, name, err)
				return
			}
			if m != nil {
				messages++
				compareMessage(t, name, m, d.(protoreflect.MessageDescriptor), defined)
				return
			}
			enums++
			compareEnum(t, name, e, d.(protoreflect.EnumDescriptor))
		})
		for _, s := range f.Service {
			name := f.GetPackage() + "." + s.GetName()
			d, err := protoregistry.GlobalFiles.FindDescriptorByName(ours(file, name))
			if err != nil {
				t.Errorf("%s: service %s has no counterpart: %v", file, name, err)
				continue
			}
			got := d.(protoreflect.ServiceDescriptor).Methods()
			if got.Len() != len(s.Method) {
				t.Errorf("%s: %d methods, Hadoop has %d", name, got.Len(), len(s.Method))
			}
			for _, m := range s.Method {
				methods++
				g := got.ByName(protoreflect.Name(m.GetName()))
				if g == nil {
					t.Errorf("%s lacks %s", name, m.GetName())
					continue
				}
				if want := ours(defined[trim(m.GetInputType())], m.GetInputType()); g.Input().FullName() != want {
					t.Errorf("%s.%s takes %s, want %s", name, m.GetName(), g.Input().FullName(), want)
				}
				if want := ours(defined[trim(m.GetOutputType())], m.GetOutputType()); g.Output().FullName() != want {
					t.Errorf("%s.%s returns %s, want %s", name, m.GetName(), g.Output().FullName(), want)
				}
			}
		}
	}
	if messages < 300 || enums < 40 || methods < 100 {
		t.Errorf("compared only %d messages, %d enums and %d methods", messages, enums, methods)
	}
}

func trim(s string) string { return strings.TrimPrefix(s, ".") }

func eachType(f *descriptorpb.FileDescriptorProto, visit func(string, *descriptorpb.DescriptorProto, *descriptorpb.EnumDescriptorProto)) {
	var walk func(prefix string, m *descriptorpb.DescriptorProto)
	walk = func(prefix string, m *descriptorpb.DescriptorProto) {
		name := prefix + "." + m.GetName()
		visit(name, m, nil)
		for _, n := range m.NestedType {
			walk(name, n)
		}
		for _, e := range m.EnumType {
			visit(name+"."+e.GetName(), nil, e)
		}
	}
	for _, m := range f.MessageType {
		walk(f.GetPackage(), m)
	}
	for _, e := range f.EnumType {
		visit(f.GetPackage()+"."+e.GetName(), nil, e)
	}
}

func compareMessage(t *testing.T, name string, want *descriptorpb.DescriptorProto, got protoreflect.MessageDescriptor, defined map[string]string) {
	t.Helper()
	theirs := map[int32]bool{}
	for _, w := range want.Field {
		theirs[w.GetNumber()] = true
		g := got.Fields().ByNumber(protoreflect.FieldNumber(w.GetNumber()))
		if g == nil {
			t.Errorf("%s lacks field %d %s", name, w.GetNumber(), w.GetName())
			continue
		}
		wantType := strings.ToLower(strings.TrimPrefix(w.GetType().String(), "TYPE_"))
		wantLabel := strings.ToLower(strings.TrimPrefix(w.GetLabel().String(), "LABEL_"))
		if string(g.Name()) != w.GetName() || g.Kind().String() != wantType || g.Cardinality().String() != wantLabel {
			t.Errorf("%s field %d is %s %s %s, want %s %s %s", name, w.GetNumber(),
				g.Cardinality(), g.Kind(), g.Name(), wantLabel, wantType, w.GetName())
		}
		if w.TypeName != nil {
			ref := ours(defined[trim(w.GetTypeName())], w.GetTypeName())
			var have protoreflect.FullName
			if g.Message() != nil {
				have = g.Message().FullName()
			} else if g.Enum() != nil {
				have = g.Enum().FullName()
			}
			if have != ref {
				t.Errorf("%s.%s refers to %s, want %s", name, w.GetName(), have, ref)
			}
		}
		if g.IsPacked() != w.GetOptions().GetPacked() {
			t.Errorf("%s.%s packed = %v, want %v", name, w.GetName(), g.IsPacked(), w.GetOptions().GetPacked())
		}
		if have := defaultText(g); have != w.GetDefaultValue() {
			t.Errorf("%s.%s defaults to %q, want %q", name, w.GetName(), have, w.GetDefaultValue())
		}
	}
	for i := range got.Fields().Len() {
		g := got.Fields().Get(i)
		if !theirs[int32(g.Number())] && (g.Number() < extensionLow || g.Number() > extensionHigh) {
			t.Errorf("%s has field %d %s that Hadoop has not", name, g.Number(), g.Name())
		}
	}
}

func defaultText(f protoreflect.FieldDescriptor) string {
	if !f.HasDefault() {
		return ""
	}
	if f.Kind() == protoreflect.EnumKind {
		return string(f.DefaultEnumValue().Name())
	}
	return fmt.Sprint(f.Default().Interface())
}

func compareEnum(t *testing.T, name string, want *descriptorpb.EnumDescriptorProto, got protoreflect.EnumDescriptor) {
	t.Helper()
	if got.Values().Len() != len(want.Value) {
		t.Errorf("%s has %d values, want %d", name, got.Values().Len(), len(want.Value))
	}
	for _, w := range want.Value {
		g := got.Values().ByName(protoreflect.Name(w.GetName()))
		if g == nil || int32(g.Number()) != w.GetNumber() {
			t.Errorf("%s.%s is %v, want %d", name, w.GetName(), g, w.GetNumber())
		}
	}
}
