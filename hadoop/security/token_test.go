package security

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	commonpb "heddle/hadoop-proto/common"
	yarnpb "heddle/hadoop-proto/yarn"
)

// amrmIdentifier was captured from a ResourceManager 3.4.2: attempt 1 of application_1795439786666_0001, key -195257947.
const amrmIdentifier = "0a0d 0a09 0801 10aaf5b3c4a034 1001 10a5b3f2a2ffffffffff01"

func TestAMRMIdentifierIsTheBytesOfARealOne(t *testing.T) {
	raw := unhex(t, amrmIdentifier)
	id, err := ParseAMRMIdentifier(raw)
	if err != nil {
		t.Fatal(err)
	}
	app := id.GetAppAttemptId().GetApplicationId()
	if app.GetClusterTimestamp() != 1795439786666 || app.GetId() != 1 || id.GetAppAttemptId().GetAttemptId() != 1 || id.GetKeyId() != -195257947 {
		t.Errorf("%v", id)
	}
	ours, err := MarshalIdentifier(&yarnpb.AMRMTokenIdentifierProto{
		KeyId: proto.Int32(-195257947),
		AppAttemptId: &yarnpb.ApplicationAttemptIdProto{
			AttemptId:     proto.Int32(1),
			ApplicationId: &yarnpb.ApplicationIdProto{ClusterTimestamp: proto.Int64(1795439786666), Id: proto.Int32(1)},
		},
	})
	if err != nil || !bytes.Equal(ours, raw) {
		t.Errorf("%x, %v; want %x", ours, err, raw)
	}
}

func TestManagedAMCredentialsAreTheBytesOfRealOnes(t *testing.T) {
	identifier := unhex(t, amrmIdentifier)
	password := bytes.Repeat([]byte{7}, 20)
	c := NewCredentials()
	c.Tokens[""] = Token{Identifier: identifier, Password: password, Kind: KindAMRM}
	want := unhex(t, "48445453 00 01 00 1a")
	want = append(want, identifier...)
	want = append(append(want, 0x14), password...)
	want = append(append(want, 0x10), "YARN_AM_RM_TOKEN\x00\x00"...)
	if got := c.Marshal(); !bytes.Equal(got, want) {
		t.Errorf("%x\nwant %x", got, want)
	}
	if got := NewCredentials().Marshal(); !bytes.Equal(got, unhex(t, "48445453000000")) {
		t.Errorf("empty credentials are %x", got)
	}
}

func TestCredentialsReadBothFormats(t *testing.T) {
	c := NewCredentials()
	c.Tokens["a"] = Token{[]byte("id"), []byte("pw"), "K", "1.2.3.4:5"}
	c.Tokens["b"] = Token{[]byte{}, []byte{}, "", ""}
	c.Secrets["s"] = []byte{0, 255}
	message, err := proto.Marshal(&commonpb.CredentialsProto{
		Tokens:  []*commonpb.CredentialsKVProto{{Alias: proto.String("a"), Token: c.Tokens["a"].Proto()}, {Alias: proto.String("b"), Token: c.Tokens["b"].Proto()}},
		Secrets: []*commonpb.CredentialsKVProto{{Alias: proto.String("s"), Secret: c.Secrets["s"]}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, stream := range map[string][]byte{
		"format 0": c.Marshal(),
		"format 1": append(append([]byte("HDTS\x01"), byte(len(message))), message...),
	} {
		got, err := ParseCredentials(stream)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got.Tokens) != 2 || !got.Tokens["a"].Equal(c.Tokens["a"]) || !got.Tokens["b"].Equal(c.Tokens["b"]) || !bytes.Equal(got.Secrets["s"], c.Secrets["s"]) {
			t.Errorf("%s: %v", name, got)
		}
		if tok, ok := got.Find("K"); !ok || tok.Service != "1.2.3.4:5" {
			t.Errorf("%s: find: %v %v", name, tok, ok)
		}
	}
}

func TestBadCredentialsAreRefused(t *testing.T) {
	for name, b := range map[string]string{
		"no magic": "48445400", "no format": "48445453", "unknown format": "4844545307", "cut": "4844545300 01", "hostile count": "4844545300 8c7fffffff",
		"hostile format 1": "4844545301 ffffffff0f", "negative count": "4844545300 ff",
	} {
		if c, err := ParseCredentials(unhex(t, b)); err == nil {
			t.Errorf("%s: read as %v", name, c)
		}
	}
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCredentialsFile(path); err == nil {
		t.Error("an empty file was read")
	}
}

func TestTokenTextRoundTrip(t *testing.T) {
	tok := Token{[]byte{1, 2, 250}, []byte{9}, KindRMDelegation, "127.0.0.1:8032"}
	for _, text := range []string{tok.URLString(), tok.URLString() + "=="} {
		back, err := ParseURLString(text)
		if err != nil || !back.Equal(tok) {
			t.Errorf("%s: %v, %v", text, back, err)
		}
	}
	if _, err := ParseToken(append(tok.AppendWritable(nil), 0)); err == nil {
		t.Error("a byte too many was accepted")
	}
	if back := TokenFromProto(tok.Proto()); !back.Equal(tok) {
		t.Errorf("%v", back)
	}
	if _, err := proto.Marshal(Token{}.Proto()); err != nil {
		t.Errorf("an empty token lacks required fields: %v", err)
	}
}

func TestServiceText(t *testing.T) {
	resolve := func(string) ([]net.IP, error) { return []net.IP{net.ParseIP("::1"), net.ParseIP("10.0.0.7")}, nil }
	if s, err := ServiceText("Node1", 8041, true, resolve); err != nil || s != "10.0.0.7:8041" {
		t.Errorf("%s, %v", s, err)
	}
	if s, err := ServiceText("Node1", 8041, false, nil); err != nil || s != "node1:8041" {
		t.Errorf("%s, %v", s, err)
	}
	if s, err := ServiceText("127.0.0.1", 1, true, nil); err != nil || s != "127.0.0.1:1" {
		t.Errorf("%s, %v", s, err)
	}
}

func TestIdentifiersWithMissingPartsAreRefused(t *testing.T) {
	if _, err := ParseAMRMIdentifier(nil); err == nil {
		t.Error("an empty AMRM identifier was read")
	}
	if _, err := ParseNMIdentifier([]byte{0xff}); err == nil {
		t.Error("noise was read as an NM identifier")
	}
	if _, err := ParseContainerIdentifier(make([]byte, maxIdentifierBytes+1)); err == nil {
		t.Error("an oversized identifier was read")
	}
}

func FuzzParseCredentials(f *testing.F) {
	c := NewCredentials()
	c.Tokens["a"] = Token{[]byte("id"), []byte("pw"), "K", "s"}
	c.Secrets["s"] = []byte("x")
	f.Add(c.Marshal())
	f.Add([]byte("HDTS\x00\x00\x00"))
	f.Add([]byte("HDTS\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCredentials(b)
		if err != nil {
			return
		}
		back, err := ParseCredentials(c.Marshal())
		if err != nil || len(back.Tokens) != len(c.Tokens) || len(back.Secrets) != len(c.Secrets) {
			t.Errorf("%x does not survive a round trip: %v", b, err)
		}
	})
}

// What a container's start costs on both sides: its token written, read and checked.
func BenchmarkTokenCodec(b *testing.B) {
	key := MasterKey{ID: 1, Bytes: []byte("12345678")}
	token := key.Token(KindNM, "127.0.0.1:45454", []byte("an identifier of usual length, some sixty bytes in all........"))
	b.ReportAllocs()
	for b.Loop() {
		c := NewCredentials()
		c.Tokens["nm"] = token
		read, err := ParseCredentials(c.Marshal())
		if err != nil || !key.Signed(read.Tokens["nm"].Identifier, read.Tokens["nm"].Password) {
			b.Fatal(err)
		}
	}
}
