package jobclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"heddle/hadoop/fs"
	"heddle/job/status"
	"heddle/yarn"
	"heddle/yarn/logs"
)

// LogFilter chooses logs. The zero value is every task's stdout and stderr.
type LogFilter struct {
	Role   string // "": all
	Index  int    // -1: all
	File   string // "": stdout and stderr
	Master bool   // the ApplicationMaster's instead of the tasks'
}

func (f LogFilter) wants(role string, index int) bool {
	return !f.Master && (f.Role == "" || f.Role == role) && (f.Index < 0 || f.Index == index)
}

func (f LogFilter) wantsFile(name string) bool {
	if f.File == "" {
		return name == "stdout" || name == "stderr"
	}
	return f.File == name
}

// source is one container whose logs are wanted.
type source struct {
	title     string // role-index
	container string
	nodeHTTP  string
}

// uploadWait is how long logs of an ended job may take to be where readers find them.
const uploadWait = 30 * time.Second

// Logs prints the logs of a job's last attempt: from the nodes while it runs, afterwards from where they were
// uploaded (yarn.nodemanager.remote-app-log-dir).
func (c *Client) Logs(ctx context.Context, j Job, f LogFilter, w io.Writer) error {
	s, err := c.Status(ctx, j)
	if err != nil {
		return err
	}
	sources := chosen(s, f)
	if len(sources) == 0 && !f.Master && s.Tasks() > 0 {
		return fmt.Errorf("job %s has no such task with a container; `heddle job status %s` lists its tasks", j.Name, j.Name)
	}
	if !s.State.Final() {
		if f.Master {
			return fmt.Errorf("the ApplicationMaster's logs of a running job are on its page: %s", orElse(j.Master, "it has not started yet"))
		}
		return c.liveLogs(ctx, j, sources, f, w)
	}
	if c.conf.String("yarn.log-aggregation-enable", "false") != "true" {
		return errors.New("logs of ended jobs stay on their nodes: yarn.log-aggregation-enable is off")
	}
	return c.storedLogs(ctx, j, sources, f, w)
}

func chosen(s *status.Job, f LogFilter) []source {
	var out []source
	for _, r := range s.Roles {
		for _, t := range r.Tasks {
			if f.wants(r.Name, t.Index) && t.Container != "" {
				out = append(out, source{fmt.Sprintf("%s-%d", r.Name, t.Index), t.Container, t.NodeHTTP})
			}
		}
	}
	return out
}

func (c *Client) liveLogs(ctx context.Context, j Job, sources []source, f LogFilter, w io.Writer) error {
	names := []string{"stdout", "stderr"}
	if f.File != "" {
		names = []string{f.File}
	}
	for _, s := range sources {
		for _, name := range names {
			if err := c.liveLog(ctx, j, s, name, w); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Client) liveLog(ctx context.Context, j Job, s source, name string, w io.Writer) error {
	u := "http://" + s.nodeHTTP + "/ws/v1/node/containers/" + s.container + "/logs/" + url.PathEscape(name) + "?user.name=" + url.QueryEscape(c.user)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("log %s of %s: %w", name, s.title, err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound: // not written yet, or not on this node any more
		return nil
	default:
		return fmt.Errorf("log %s of %s on node %s: %s (you are %s, the job is %s's)", name, s.title, s.nodeHTTP, resp.Status, c.user, j.User)
	}
	body, err := unframe(resp.Body)
	if err != nil {
		return fmt.Errorf("log %s of %s on node %s: %w", name, s.title, s.nodeHTTP, err)
	}
	return printLog(w, s.title, name, body)
}

// maxFrame bounds the lines before a log's text.
const maxFrame = 8 << 10

// unframe finds a log's text in the frame that NodeManagers and `yarn logs` put around it.
func unframe(r io.Reader) (io.Reader, error) {
	in, size := bufio.NewReaderSize(r, maxFrame), int64(-1)
	for read := 0; read < maxFrame; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			break
		}
		read += len(line)
		text := strings.TrimSuffix(string(line), "\n")
		if text == "LogContents:" && size >= 0 {
			return io.LimitReader(in, size), nil
		}
		if n, ok := strings.CutPrefix(text, "LogLength:"); ok {
			if size, err = strconv.ParseInt(strings.TrimSpace(n), 10, 63); err != nil {
				break
			}
		}
	}
	return nil, errors.New("its answer is no log")
}

// printLog prints one log below a line that names it, as tail does, and always ends with a new line.
func printLog(w io.Writer, title, name string, body io.Reader) error {
	out := &lastByte{w: w}
	fmt.Fprintf(out, "==> %s %s <==\n", title, name)
	if _, err := io.Copy(out, body); err != nil {
		return err
	}
	if out.last != '\n' {
		fmt.Fprintln(out)
	}
	_, err := fmt.Fprintln(out)
	return err
}

// lastByte remembers the last byte written.
type lastByte struct {
	w    io.Writer
	last byte
}

func (l *lastByte) Write(p []byte) (int, error) {
	n, err := l.w.Write(p)
	if n > 0 {
		l.last = p[n-1]
	}
	return n, err
}

// storedLogs reads what the nodes have uploaded, waiting for it a while.
func (c *Client) storedLogs(ctx context.Context, j Job, sources []source, f LogFilter, w io.Writer) error {
	layout := logs.NewLayout(c.conf.String("yarn.nodemanager.remote-app-log-dir", "/tmp/logs"), c.conf.String("yarn.nodemanager.remote-app-log-dir-suffix", "logs"))
	files, dir, err := (&fs.Dialer{Conf: c.conf}).Open(layout.AppDir(j.User, j.ID), c.user)
	if err != nil {
		return err
	}
	defer files.Close() //nolint:errcheck // only read
	titles := map[string]string{}
	for _, s := range sources {
		titles[s.container] = s.title
	}
	if f.Master || len(sources) == 0 {
		titles = nil
	}
	found := map[string]bool{}
	deadline := time.Now().Add(uploadWait)
	for {
		entries, err := files.List(dir)
		if err != nil && !errors.Is(err, iofs.ErrNotExist) {
			return fmt.Errorf("logs in %s: %w", files.URI()+dir, err)
		}
		pending := len(entries) == 0
		for _, e := range entries {
			if path.Ext(e.Path) == logs.TempSuffix {
				pending = true
				continue
			}
			if found[e.Path] {
				continue
			}
			if err := printStored(files, e, titles, f, w); err != nil {
				return err
			}
			found[e.Path] = true
		}
		if !pending {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no logs are in %s yet; the nodes upload them when a job has ended", files.URI()+dir)
		}
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

// printStored prints the wanted containers' logs of one node's file. titles nil: the ApplicationMaster's, the
// container that is first in its attempt.
func printStored(files fs.FileSystem, e fs.Info, titles map[string]string, f LogFilter, w io.Writer) error {
	in, err := files.Open(e.Path)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	r, err := logs.NewReader(in, e.Size)
	if err != nil {
		return fmt.Errorf("logs of node %s: %w", e.Name(), err)
	}
	for {
		container, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("logs of node %s: %w", e.Name(), err)
		}
		title, wanted := titles[container]
		if titles == nil {
			id, err := yarn.ParseContainerID(container)
			title, wanted = "ApplicationMaster", err == nil && id.Sequence() == 1
		}
		if !wanted {
			continue
		}
		if err := printFiles(r, title, f, w); err != nil {
			return fmt.Errorf("logs of node %s: %w", e.Name(), err)
		}
	}
}

func printFiles(r *logs.Reader, title string, f LogFilter, w io.Writer) error {
	for {
		file, err := r.NextFile()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !f.wantsFile(file.Name) {
			continue
		}
		if err := printLog(w, title, file.Name, file.Body); err != nil {
			return err
		}
	}
}
