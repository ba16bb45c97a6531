package shuffle

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the protocol's own hash
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"

	"heddle/hadoop/security"
	"heddle/yarn"
)

// Limits of one request.
const (
	maxMaps       = 4096
	maxIndexBytes = 64 << 20
	indexEntry    = 24
)

// attemptID is what a map output may be named: anything else could leave the directory.
var attemptID = regexp.MustCompile(`^attempt_\d{1,19}_\d{1,10}_[mr]_\d{1,10}_\d{1,10}$`)

// httpError is an answer other than 200.
type httpError struct {
	status  int
	message string
}

func (e *httpError) Error() string { return e.message }

func fail(status int, format string, args ...any) error {
	return &httpError{status, fmt.Sprintf(format, args...)}
}

// ServeHTTP answers one fetch.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Date"] = nil
	parts, hash, err := s.prepare(r)
	defer closeAll(parts)
	if err != nil {
		s.Stats.Failed.Add(1)
		s.refuse(w, err)
		return
	}
	var total int64
	for _, p := range parts {
		total += int64(len(p.header)) + p.length
	}
	h := w.Header()
	h["ReplyHash"] = []string{hash}
	h["name"] = []string{"mapreduce"}
	h["version"] = []string{"1.0.0"}
	h.Set("Content-Length", strconv.FormatInt(total, 10))
	if s.cfg.KeepAlive || r.URL.Query().Get("keepAlive") == "true" {
		h.Set("Connection", "Keep-Alive")
		h.Set("Keep-Alive", "timeout="+strconv.Itoa(int(s.cfg.KeepAliveTime.Seconds())))
	} else {
		h.Set("Connection", "close")
	}
	for _, p := range parts {
		if err := p.send(w); err != nil { // the reducer is gone, or the disk is: it sees a short answer
			s.Stats.Failed.Add(1)
			s.cfg.Log.Debug("a map output could not be sent", "peer", r.RemoteAddr, "error", err)
			panic(http.ErrAbortHandler)
		}
	}
	s.Stats.OK.Add(1)
	s.Stats.Bytes.Add(total)
}

func (s *Server) refuse(w http.ResponseWriter, err error) {
	e := &httpError{http.StatusInternalServerError, err.Error()}
	errors.As(err, &e)
	h := w.Header()
	h["name"] = []string{"mapreduce"}
	h["version"] = []string{"1.0.0"}
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("Content-Length", strconv.Itoa(len(e.message)))
	h.Set("Connection", "close")
	w.WriteHeader(e.status)
	_, _ = io.WriteString(w, e.message) // the peer may be gone
}

// request is a fetch's parameters.
type request struct {
	job    string
	reduce int
	maps   []string
}

// prepare checks a request in the order that clients know and opens every part, so that nothing
// partial is sent.
func (s *Server) prepare(r *http.Request) ([]*part, string, error) {
	if r.Method != http.MethodGet {
		return nil, "", fail(http.StatusMethodNotAllowed, "")
	}
	if r.Header.Get("name") != "mapreduce" || r.Header.Get("version") != "1.0.0" {
		return nil, "", fail(http.StatusBadRequest, "Incompatible shuffle request version")
	}
	q, err := parse(r.URL.Query())
	if err != nil {
		return nil, "", err
	}
	s.mu.RLock()
	j, ok := s.jobs[q.job]
	s.mu.RUnlock()
	if !ok {
		return nil, "", fail(http.StatusUnauthorized, "Can't find job token for job %s !!", q.job)
	}
	given := r.Header.Get("UrlHash")
	if given == "" {
		return nil, "", fail(http.StatusUnauthorized, "fetcher cannot be authenticated")
	}
	want := sign(j.secret, strconv.Itoa(s.Port())+r.RequestURI)
	if !hmac.Equal([]byte(want), []byte(given)) {
		return nil, "", fail(http.StatusUnauthorized, "Verification of the hashReply failed")
	}
	parts, err := s.open(j, q)
	return parts, sign(j.secret, given), err
}

func sign(secret []byte, text string) string {
	m := hmac.New(sha1.New, secret)
	_, _ = io.WriteString(m, text) // a hash never fails
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func parse(q url.Values) (request, error) {
	jobs, reduces := q["job"], q["reduce"]
	var maps []string
	for _, m := range q["map"] {
		maps = append(maps, strings.Split(m, ",")...)
	}
	if len(jobs) == 0 || len(reduces) == 0 || len(maps) == 0 {
		return request{}, fail(http.StatusBadRequest, "Required param job, map and reduce")
	}
	if len(jobs) > 1 || len(reduces) > 1 {
		return request{}, fail(http.StatusBadRequest, "Too many job/reduce parameters")
	}
	reduce, err := strconv.Atoi(reduces[0])
	if err != nil {
		return request{}, fail(http.StatusBadRequest, "Bad reduce parameter")
	}
	if len(maps) > maxMaps {
		return request{}, fail(http.StatusBadRequest, "Too many map parameters: %d of at most %d", len(maps), maxMaps)
	}
	return request{jobs[0], reduce, maps}, nil
}

// part is one map's output for the reducer.
type part struct {
	header []byte
	file   *os.File
	offset int64
	length int64
}

func (p *part) send(w io.Writer) error {
	if _, err := w.Write(p.header); err != nil {
		return err
	}
	if _, err := p.file.Seek(p.offset, io.SeekStart); err != nil {
		return err
	}
	_, err := io.CopyN(w, p.file, p.length)
	return err
}

func closeAll(parts []*part) {
	for _, p := range parts {
		_ = p.file.Close() // only read
	}
}

func (s *Server) open(j job, q request) ([]*part, error) {
	var parts []*part
	for _, m := range q.maps {
		if !attemptID.MatchString(m) {
			return parts, fail(http.StatusBadRequest, "Bad map parameter: %q is no attempt id", m)
		}
		var p *part
		err := j.owner.Do(func() (err error) { // a task could point its outputs at what only the NodeManager may read
			p, err = s.openPart(j, m, q.reduce)
			return err
		})
		if err != nil {
			return parts, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func (s *Server) openPart(j job, m string, reduce int) (*part, error) {
	if reduce < 0 {
		return nil, fail(http.StatusInternalServerError, "")
	}
	base := outputPath(j.user, j.app, m)
	index, err := s.find(base + "/file.out.index")
	if err != nil {
		return nil, err
	}
	e, err := readIndex(index, m, reduce)
	if err != nil {
		return nil, err
	}
	data, err := s.find(base + "/file.out")
	if err != nil {
		return nil, err
	}
	f, err := os.Open(data)
	if err != nil {
		return nil, err
	}
	h := security.AppendText(nil, m)
	h = security.AppendVLong(security.AppendVLong(security.AppendVLong(h, e.length), e.raw), int64(reduce))
	return &part{h, f, e.offset, e.length}, nil
}

func outputPath(user string, app yarn.ApplicationID, m string) string {
	return path.Join("usercache", user, "appcache", app.String(), "output", m)
}

func (s *Server) find(rel string) (string, error) {
	p, err := s.cfg.Files.FindFile(rel)
	if err != nil {
		return "", fail(http.StatusInternalServerError, "Could not find %s in any of the directories", rel)
	}
	return p, nil
}

type indexRecord struct{ offset, raw, length int64 }

// readIndex reads one reducer's record and checks the file's CRC.
func readIndex(file, m string, reduce int) (indexRecord, error) {
	f, err := os.Open(file)
	if err != nil {
		return indexRecord{}, err
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, maxIndexBytes))
	if err != nil {
		return indexRecord{}, err
	}
	n := (len(b) - 8) / indexEntry
	if n < 0 || len(b) != n*indexEntry+8 {
		return indexRecord{}, fail(http.StatusInternalServerError, "Index of %s has %d bytes", m, len(b))
	}
	if sum := uint32(binary.BigEndian.Uint64(b[n*indexEntry:])); sum != crc32.ChecksumIEEE(b[:n*indexEntry]) {
		return indexRecord{}, fail(http.StatusInternalServerError, "Checksum error in the index of %s", m)
	}
	if reduce >= n {
		return indexRecord{}, fail(http.StatusInternalServerError, "Invalid request  Map Id = %s Reducer = %d Index Info Length = %d", m, reduce, n)
	}
	v := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[reduce*indexEntry+8*i:])) }
	r := indexRecord{v(0), v(1), v(2)}
	if r.offset < 0 || r.length < 0 {
		return indexRecord{}, fail(http.StatusInternalServerError, "Index of %s is damaged", m)
	}
	return r, nil
}
