package shuffle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	iofs "io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"heddle/hadoop/security"
	"heddle/yarn"
)

type finder []string

func (f finder) FindFile(rel string) (string, error) {
	for _, d := range f {
		if p := filepath.Join(d, rel); exists(p) {
			return p, nil
		}
	}
	return "", iofs.ErrNotExist
}

func exists(p string) bool {
	_, err := os.Stat(p)
	return !errors.Is(err, iofs.ErrNotExist)
}

const (
	map0 = "attempt_9_0001_m_000000_0"
	map1 = "attempt_9_0001_m_000001_0"
)

var (
	app    = yarn.ApplicationID{ClusterTimestamp: 9, ID: 1}
	secret = []byte("8-bytes!")
)

// output writes a map's two files into different local directories, as tasks may.
func output(t testing.TB, dirs finder, m string, segments ...string) {
	t.Helper()
	var data, index []byte
	for _, s := range segments {
		for _, n := range []int{len(data), len(s) + 1, len(s)} {
			index = binary.BigEndian.AppendUint64(index, uint64(n))
		}
		data = append(data, s...)
	}
	index = binary.BigEndian.AppendUint64(index, uint64(crc32.ChecksumIEEE(index)))
	for name, content := range map[string][]byte{"file.out": data, "file.out.index": index} {
		d := filepath.Join(dirs[len(name)%len(dirs)], outputPath("alice", app, m))
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func serve(t *testing.T, cfg Config) *Server {
	t.Helper()
	dirs := finder{t.TempDir(), t.TempDir()}
	output(t, dirs, map0, "zero-zero", "zero-one")
	output(t, dirs, map1, "", "one-one")
	return started(t, cfg, dirs)
}

// started is a server that knows the job.
func started(t testing.TB, cfg Config, dirs finder) *Server {
	t.Helper()
	cfg.Address, cfg.Files, cfg.Log = "127.0.0.1:0", dirs, slog.New(slog.DiscardHandler)
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(t.Context()); err != nil && !strings.Contains(err.Error(), "cancel") {
			t.Error(err)
		}
	})
	token := security.Token{Identifier: security.AppendText(nil, "job_9_0001"), Password: secret, Kind: "mapreduce.job", Service: "job_9_0001"}
	if err := s.InitApp("alice", app, token.AppendWritable(nil)); err != nil {
		t.Fatal(err)
	}
	return s
}

type fetch struct {
	method, query, name, hash string
}

func (s *Server) fetch(t *testing.T, f fetch) (*http.Response, string) {
	t.Helper()
	resp := s.request(t, f)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func (s *Server) request(t testing.TB, f fetch) *http.Response {
	t.Helper()
	target := "/mapOutput?" + f.query
	if f.method == "" {
		f.method = "GET"
	}
	r, err := http.NewRequestWithContext(t.Context(), f.method, fmt.Sprintf("http://127.0.0.1:%d%s", s.Port(), target), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["name"] = []string{f.name}
	r.Header["version"] = []string{"1.0.0"}
	switch f.hash {
	case "":
		r.Header["UrlHash"] = []string{sign(secret, fmt.Sprint(s.Port())+target)}
	case "none":
	default:
		r.Header["UrlHash"] = []string{f.hash}
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestOutputsComeInTheOrderAskedFor(t *testing.T) {
	s := serve(t, Config{KeepAliveTime: 5 * time.Second})
	resp, body := s.fetch(t, fetch{query: "job=job_9_0001&reduce=1&map=" + map1 + "%2C" + map0, name: "mapreduce"})
	var want bytes.Buffer
	for _, p := range [][2]string{{map1, "one-one"}, {map0, "zero-one"}} {
		want.WriteByte(byte(len(p[0])))
		want.WriteString(p[0])
		want.Write([]byte{byte(len(p[1])), byte(len(p[1]) + 1), 1})
		want.WriteString(p[1])
	}
	if resp.StatusCode != 200 || body != want.String() || resp.ContentLength != int64(want.Len()) || !resp.Close {
		t.Errorf("%v %q", resp, body)
	}
	given := resp.Request.Header["UrlHash"][0] //nolint:staticcheck // Hadoop's own spelling
	if got := resp.Header.Get("ReplyHash"); got != sign(secret, given) {
		t.Errorf("reply hash %s", got)
	}
	resp, _ = s.fetch(t, fetch{query: "job=job_9_0001&reduce=0&keepAlive=true&map=" + map1, name: "mapreduce"})
	if resp.Close || resp.Header.Get("Keep-Alive") != "timeout=5" {
		t.Errorf("keep-alive was asked for: %v", resp.Header)
	}
}

func TestRefusalsAreThoseOfHadoop(t *testing.T) {
	s := serve(t, Config{})
	ok := "job=job_9_0001&reduce=0&map=" + map0
	for name, c := range map[string]struct {
		f      fetch
		status int
		body   string
	}{
		"method":    {fetch{method: "POST", query: ok, name: "mapreduce"}, 405, ""},
		"name":      {fetch{query: ok, name: "other"}, 400, "Incompatible shuffle request version"},
		"params":    {fetch{query: "job=job_9_0001", name: "mapreduce"}, 400, "Required param job, map and reduce"},
		"twice":     {fetch{query: ok + "&reduce=1", name: "mapreduce"}, 400, "Too many job/reduce parameters"},
		"number":    {fetch{query: "job=job_9_0001&reduce=x&map=" + map0, name: "mapreduce"}, 400, "Bad reduce parameter"},
		"job":       {fetch{query: "job=job_9_0002&reduce=0&map=" + map0, name: "mapreduce"}, 401, "Can't find job token for job job_9_0002 !!"},
		"no hash":   {fetch{query: ok, name: "mapreduce", hash: "none"}, 401, "fetcher cannot be authenticated"},
		"bad hash":  {fetch{query: ok, name: "mapreduce", hash: "AAAA"}, 401, "Verification of the hashReply failed"},
		"missing":   {fetch{query: ok + ",attempt_9_0001_m_000009_0", name: "mapreduce"}, 500, "Could not find usercache/alice/appcache/application_9_0001/output/attempt_9_0001_m_000009_0/file.out.index in any of the directories"},
		"partition": {fetch{query: "job=job_9_0001&reduce=7&map=" + map0, name: "mapreduce"}, 500, "Invalid request  Map Id = " + map0 + " Reducer = 7 Index Info Length = 2"},
		"negative":  {fetch{query: "job=job_9_0001&reduce=-1&map=" + map0, name: "mapreduce"}, 500, ""},
		"escape":    {fetch{query: "job=job_9_0001&reduce=0&map=../output/" + map0, name: "mapreduce"}, 400, `Bad map parameter: "../output/` + map0 + `" is no attempt id`},
	} {
		resp, body := s.fetch(t, c.f)
		if resp.StatusCode != c.status || body != c.body || resp.Header.Get("ReplyHash") != "" || !resp.Close {
			t.Errorf("%s: %d %q", name, resp.StatusCode, body)
		}
	}
	s.StopApp(app)
	if resp, _ := s.fetch(t, fetch{query: ok, name: "mapreduce"}); resp.StatusCode != 401 {
		t.Errorf("a finished job's outputs: %d", resp.StatusCode)
	}
	if err := s.InitApp("alice", app, []byte("garbage")); err == nil {
		t.Error("garbage was taken for a token")
	}
}

func TestConnectionsAboveTheLimitAreToldToRetry(t *testing.T) {
	s := serve(t, Config{MaxConnections: 1})
	first, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	for s.Stats.Connections.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	second, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if b, err := io.ReadAll(second); err != nil || string(b) != tooMany {
		t.Errorf("%q, %v", b, err)
	}
}
