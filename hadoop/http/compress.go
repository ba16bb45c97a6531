package hadoophttp

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// Compressed writes gzip to callers who take it: lists shrink to a twentieth. finish ends the stream.
func Compressed(rw http.ResponseWriter, r *http.Request) (out io.Writer, finish func() error) {
	return CompressedInto(rw, rw, r)
}

// CompressedInto is Compressed for what goes to body on its way to the caller.
func CompressedInto(body io.Writer, rw http.ResponseWriter, r *http.Request) (out io.Writer, finish func() error) {
	rw.Header().Add("Vary", "Accept-Encoding")
	if r.Method == http.MethodHead || !acceptsGzip(r.Header.Get("Accept-Encoding")) {
		return body, func() error { return nil }
	}
	rw.Header().Set("Content-Encoding", "gzip")
	z, err := gzip.NewWriterLevel(body, gzip.BestSpeed)
	if err != nil { // the level is a legal one
		panic(err)
	}
	return z, z.Close
}

func acceptsGzip(header string) bool {
	for _, part := range strings.Split(header, ",") {
		coding, q, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return strings.ReplaceAll(q, " ", "") != "q=0"
		}
	}
	return false
}
