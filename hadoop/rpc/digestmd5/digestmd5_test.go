package digestmd5

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// The vectors were made by the JDK's own provider with user dXNlcg== and password cHc=.
const (
	vectorUser = "dXNlcg=="
	vectorPass = "cHc="
)

func known(user string) (string, error) {
	if user != vectorUser {
		return "", errors.New("unknown user")
	}
	return vectorPass, nil
}

func TestJavaVectors(t *testing.T) {
	tests := []struct {
		name                            string
		qop                             QOP
		nonce, cnonce, response, rsauth string
		clientWraps                     []string
		serverWraps                     []string
	}{
		{"auth-int", AuthInt, "m7xGoIsVfCR7N40gGd1UsGLwZnoTGo/YVjMGF6L/", "ifQYDYZxZFKzknjQD+3Lf6UCsEsXGfQk/M86DR1L",
			"7a114b99d4b65fb933fe4cc81816ed2f", "46e36cacbe1d82cee12b7d5626eafcf9",
			[]string{"68656c6c6f9c8e2f4a92ceb0002e7c000100000000"}, []string{"68656c6c6fe155bfaa37f3a9feb2f0000100000000"}},
		{"auth-conf with 3des", AuthConf, "ymdrShTrxrlYwjJMQnj2Fh9ASc/fT1U8kIHS9KlW", "KLb9id+7fweHD1SfGloiVlaNUpNsdHVDu666ebRb",
			"8d4ad7eb28f74f3855829be53d7bd978", "",
			[]string{"e0b3797ac03eeb194df7dd66d8cac6fa000100000000", "2845d3e5644fc38e994e653222e25dcf000100000001"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer("default", "/default", tt.nonce, []QOP{tt.qop})
			c, err := newClient(s.Challenge(), vectorUser, vectorPass, "/default", tt.cnonce, []QOP{tt.qop})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(c.Response()), "response="+tt.response+",") {
				t.Errorf("response %s lacks %s", c.Response(), tt.response)
			}
			proof, err := s.Verify(c.Response(), known)
			if err != nil {
				t.Fatal(err)
			}
			if tt.rsauth != "" && string(proof) != "rspauth="+tt.rsauth {
				t.Errorf("proof %s, want %s", proof, tt.rsauth)
			}
			if err := c.Verify(proof); err != nil {
				t.Fatal(err)
			}
			cl, err := c.Layer()
			if err != nil {
				t.Fatal(err)
			}
			wantWraps(t, cl, s.Layer(), tt.clientWraps)
			wantWraps(t, s.Layer(), cl, tt.serverWraps)
		})
	}
}

func wantWraps(t *testing.T, from, to *Layer, want []string) {
	t.Helper()
	for i, w := range want {
		got := from.Wrap(nil, []byte("hello"))
		if hex.EncodeToString(got) != w {
			t.Errorf("wrap %d is %x, want %s", i, got, w)
		}
		if msg, err := to.Unwrap(got); err != nil || string(msg) != "hello" {
			t.Errorf("unwrap %d: %q, %v", i, msg, err)
		}
	}
}

func TestEveryCipherRoundTrips(t *testing.T) {
	for _, name := range cipherNames {
		t.Run(name, func(t *testing.T) {
			a1 := bytes.Repeat([]byte{7}, 16)
			c, err := newLayer(a1, AuthConf, name, clientSide, DefaultMaxBuffer)
			if err != nil {
				t.Fatal(err)
			}
			s, err := newLayer(a1, AuthConf, name, serverSide, DefaultMaxBuffer)
			if err != nil {
				t.Fatal(err)
			}
			for n := range 40 {
				msg := bytes.Repeat([]byte{byte(n)}, n)
				for _, way := range [][2]*Layer{{c, s}, {s, c}} {
					got, err := way[1].Unwrap(way[0].Wrap(nil, msg))
					if err != nil || !bytes.Equal(got, msg) {
						t.Fatalf("%d bytes: %x, %v", n, got, err)
					}
				}
			}
		})
	}
}

func TestATamperedOrRepeatedMessageIsRefused(t *testing.T) {
	a1 := bytes.Repeat([]byte{7}, 16)
	for _, cipherName := range append([]string{""}, cipherNames...) {
		qop := AuthConf
		if cipherName == "" {
			qop = AuthInt
		}
		pair := func() (*Layer, *Layer) {
			c, _ := newLayer(a1, qop, cipherName, clientSide, DefaultMaxBuffer)
			s, _ := newLayer(a1, qop, cipherName, serverSide, DefaultMaxBuffer)
			return c, s
		}
		c, _ := pair()
		good := c.Wrap(nil, []byte("move 10 coins"))
		for i := range good {
			_, s := pair()
			bad := bytes.Clone(good)
			bad[i] ^= 0x40
			if _, err := s.Unwrap(bad); err == nil {
				t.Errorf("%s: byte %d changed unnoticed", cipherName, i)
			}
		}
		_, s := pair()
		if _, err := s.Unwrap(bytes.Clone(good)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Unwrap(bytes.Clone(good)); err == nil {
			t.Errorf("%s: a repeated message was accepted", cipherName)
		}
	}
}

func TestChallengeText(t *testing.T) {
	tests := []struct {
		name string
		qops []QOP
		want string
	}{
		{"authentication", []QOP{Auth}, `realm="default",nonce="N",qop="auth",charset=utf-8,algorithm=md5-sess`},
		{"privacy names its ciphers", []QOP{AuthConf}, `realm="default",nonce="N",qop="auth-conf",charset=utf-8,cipher="3des,rc4,des,rc4-56,rc4-40",algorithm=md5-sess`},
		{"several in order", []QOP{AuthConf, AuthInt, Auth}, `realm="default",nonce="N",qop="auth-conf,auth-int,auth",charset=utf-8,cipher="3des,rc4,des,rc4-56,rc4-40",algorithm=md5-sess`},
	}
	for _, tt := range tests {
		if got := string(newServer("default", "/default", "N", tt.qops).Challenge()); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestVerifyRefusals(t *testing.T) {
	s := newServer("default", "/default", "N", []QOP{Auth})
	good, err := newClient(s.Challenge(), vectorUser, vectorPass, "/default", "C", []QOP{Auth})
	if err != nil {
		t.Fatal(err)
	}
	text := string(good.Response())
	tests := []struct{ name, response, want string }{
		{"a wrong password", strings.Replace(text, "response=", "response=0", 1), "Mismatched response"},
		{"another nonce", strings.Replace(text, `nonce="N"`, `nonce="M"`, 1), "Mismatched nonce"},
		{"another uri", strings.Replace(text, `"/default"`, `"/other"`, 1), "Mismatched URI"},
		{"another realm", strings.Replace(text, `realm="default"`, `realm="x"`, 1), "Mismatched realm"},
		{"a quality that was not offered", strings.Replace(text, "qop=auth", "qop=auth-int", 1), "was not offered"},
		{"an unknown user", strings.Replace(text, vectorUser, "x", 1), "unknown user"},
		{"a directive twice", text + ",nc=00000001", "given twice"},
		{"an open quote", `username="a`, "directives"},
		{"nothing", "", "Missing"},
	}
	for _, tt := range tests {
		if _, err := s.Verify([]byte(tt.response), known); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := s.Verify([]byte(text), known); err != nil {
		t.Errorf("the good response: %v", err)
	}
}

func TestClientTakesItsOwnFirstChoice(t *testing.T) {
	s := newServer("default", "/default", "N", []QOP{Auth, AuthInt, AuthConf})
	c, err := NewClient(s.Challenge(), "u", "p", "/default", []QOP{AuthConf, Auth})
	if err != nil || c.x.qop != AuthConf || c.cipher != "3des" {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err := NewClient(newServer("default", "/default", "N", []QOP{Auth}).Challenge(), "u", "p", "/default", []QOP{AuthConf}); err == nil {
		t.Error("a client that wants privacy accepted plain authentication")
	}
}

func FuzzDirectives(f *testing.F) {
	f.Add([]byte(`realm="default",nonce="a\"b",qop="auth",charset=utf-8`))
	f.Add([]byte(`a=,b="",c=d`))
	f.Add([]byte(`a="`))
	f.Fuzz(func(t *testing.T, msg []byte) {
		d, err := parseDirectives(msg)
		if err == nil && len(d) > len(msg) {
			t.Fatalf("%d directives out of %d bytes", len(d), len(msg))
		}
		s := newServer("default", "/default", "N", []QOP{Auth, AuthConf})
		if _, err := s.Verify(msg, known); err == nil {
			t.Fatal("a made-up response was accepted")
		}
		if _, err := NewClient(msg, "u", "p", "/default", []QOP{Auth, AuthConf}); err == nil && d["nonce"] == "" {
			t.Fatal("a challenge without nonce was accepted")
		}
	})
}

func FuzzUnwrap(f *testing.F) {
	f.Add([]byte("0123456789012345"), uint8(0))
	f.Add(bytes.Repeat([]byte{1}, 24+6), uint8(1))
	f.Fuzz(func(t *testing.T, token []byte, kind uint8) {
		a1 := bytes.Repeat([]byte{9}, 16)
		l, err := newLayer(a1, AuthConf, cipherNames[int(kind)%len(cipherNames)], serverSide, DefaultMaxBuffer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Unwrap(token); err == nil {
			t.Fatal("a made-up token was accepted")
		}
	})
}
