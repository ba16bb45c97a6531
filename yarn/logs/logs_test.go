package logs

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"heddle/yarn"
)

func TestVLongHasTheFormsOfTFile(t *testing.T) {
	for n, want := range map[int64]string{
		0: "\x00", 127: "\x7f", -32: "\xe0", -33: "\xcb\xdf", 128: "\xcc\x80", 5119: "\xdf\xff",
		5120: "\xa8\x14\x00", 1048575: "\xb7\xff\xff", 1048576: "\x90\x10\x00\x00",
		math.MaxInt32: "\x83\x7f\xff\xff\xff",
	} {
		if got := string(appendVLong(nil, n)); got != want {
			t.Errorf("%d is % x, want % x", n, got, want)
		}
	}
	values := []int64{math.MinInt64, math.MaxInt64, -1, -20 << 8, 20 << 8, 1 << 27, -1 << 27, 1 << 31, 1 << 39, 1<<47 - 1}
	for range 2000 {
		values = append(values, int64(rand.Uint64())>>rand.IntN(64))
	}
	for _, n := range values {
		b := appendVLong(nil, n)
		if back, err := readVLong(bytes.NewReader(b)); err != nil || back != n {
			t.Errorf("%d: % x reads as %d, %v", n, b, back, err)
		}
	}
}

func TestNamesKeepTheirCharacters(t *testing.T) {
	for _, s := range []string{"stdout", "a\x00b", "日志 x", "😀", ""} {
		if got := fromModifiedUTF8(modifiedUTF8(s)); got != s {
			t.Errorf("%q came back as %q", s, got)
		}
	}
}

func sample(t testing.TB, codec Compression, big []byte) []byte {
	var out bytes.Buffer
	w, err := NewWriter(&out, Header{"alice", map[string]string{"VIEW_APP": "*", "MODIFY_APP": "bob staff"}}, codec)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"container_1_0001_01_000001", "container_1_0001_01_000002"} {
		if err := w.Container(c); err != nil {
			t.Fatal(err)
		}
		if err := w.File("stdout", int64(len(c)), strings.NewReader(c)); err != nil {
			t.Fatal(err)
		}
		if err := w.File("empty", 0, strings.NewReader("")); err != nil {
			t.Fatal(err)
		}
		if err := w.File("big", int64(len(big)), bytes.NewReader(big)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Container("container_1_0001_01_000003"); err != nil { // one without logs
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestLogsComeBackByteForByte(t *testing.T) {
	big := make([]byte, 3<<20+17)
	for i := range big {
		big[i] = byte(rand.Uint32())
	}
	for _, codec := range []Compression{None, Gzip} {
		file := sample(t, codec, big)
		r, err := NewReader(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(codec, err)
		}
		if h := r.Header(); h.Owner != "alice" || h.ACLs["MODIFY_APP"] != "bob staff" {
			t.Errorf("%+v", h)
		}
		var seen []string
		for {
			c, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(codec, err)
			}
			seen = append(seen, c)
			for {
				f, err := r.NextFile()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(codec, err)
				}
				if f.Name == "stdout" && strings.HasSuffix(c, "2") {
					continue // unread bodies are skipped
				}
				b, err := io.ReadAll(f.Body)
				if err != nil {
					t.Fatal(err)
				}
				want := map[string][]byte{"stdout": []byte(c), "empty": {}, "big": big}[f.Name]
				if !bytes.Equal(b, want) {
					t.Errorf("%s: %s of %s has %d bytes, want %d", codec, f.Name, c, len(b), len(want))
				}
			}
		}
		if len(seen) != 3 {
			t.Errorf("%s: containers %v", codec, seen)
		}
	}
}

func TestMemoryDoesNotGrowWithTheLogs(t *testing.T) {
	w, err := NewWriter(io.Discard, Header{Owner: "a"}, None)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Container("c"); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := w.File("big", 256<<20, io.LimitReader(zeros{}, 256<<20)); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("256 MB of log allocated %d bytes", got)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestAShrunkenLogKeepsTheFileReadable(t *testing.T) {
	var out bytes.Buffer
	w, _ := NewWriter(&out, Header{Owner: "a"}, None)
	if err := w.Container("c"); err != nil {
		t.Fatal(err)
	}
	if err := w.File("cut", 10000, strings.NewReader("abc")); err != nil {
		t.Fatal(err)
	}
	if err := w.File("next", 2, strings.NewReader("ok, and grown meanwhile")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	f, _ := r.NextFile()
	if b, _ := io.ReadAll(f.Body); len(b) != 10000 || !bytes.HasPrefix(b, []byte("abc  ")) {
		t.Errorf("%d bytes", len(b))
	}
	f, err = r.NextFile()
	if b, _ := io.ReadAll(f.Body); err != nil || string(b) != "ok" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	good := sample(t, None, []byte("x"))
	for name, b := range map[string][]byte{
		"empty": nil, "cut": good[:len(good)-3], "only magic": []byte(magic + magic + magic),
	} {
		if _, err := NewReader(bytes.NewReader(b), int64(len(b))); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(sample(f, None, []byte("seed")))
	f.Add(sample(f, Gzip, bytes.Repeat([]byte("seed"), 100)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		var read int64
		for {
			if _, err := r.Next(); err != nil {
				break
			}
			for {
				file, err := r.NextFile()
				if err != nil {
					break
				}
				n, err := io.Copy(sha256.New(), io.LimitReader(file.Body, 1<<20))
				if read += n; err != nil || read > 8<<20 {
					return
				}
			}
		}
	})
}

func TestLayoutIsHadoops(t *testing.T) {
	app := yarn.ApplicationID{ClusterTimestamp: 17, ID: 30012}
	l := NewLayout("/tmp/logs/", "logs")
	if got := l.AppDir("alice", app); got != "/tmp/logs/alice/bucket-logs-tfile/0012/application_17_30012" {
		t.Error(got)
	}
	if got := l.OldAppDir("alice", app); got != "/tmp/logs/alice/logs/application_17_30012" {
		t.Error(got)
	}
	if got := NodeFile(yarn.NodeID{Host: "h.x", Port: 8041}); got != "h.x_8041" {
		t.Error(got)
	}
}

func TestTextHasTheFrameOfYarnLogs(t *testing.T) {
	var out bytes.Buffer
	e := Entry{Container: "container_1", Node: "h_1", Kind: Aggregated, Name: "stdout", Size: 3}
	if err := WriteText(&out, e, strings.NewReader("abc")); err != nil {
		t.Fatal(err)
	}
	sc := bufio.NewScanner(&out)
	var lines []string
	for sc.Scan() {
		lines = append(lines, sc.Text())
	}
	if lines[0] != "Container: container_1 on h_1" || lines[7] != "abc" || lines[8] != "End of LogType:stdout" {
		t.Errorf("%q", lines)
	}
	e.Kind, e.Running = Local, true
	if err := WriteText(&out, e, strings.NewReader("abc\n")); err != nil || !strings.Contains(out.String(), "LogContents:\nabc\nEnd of LogType:stdout.This log file") {
		t.Errorf("%q, %v", out.String(), err)
	}
}
