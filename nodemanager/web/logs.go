package web

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"heddle/executor"
	hadoophttp "heddle/hadoop/http"
	"heddle/nodemanager/container"
	"heddle/nodemanager/dirs"
	"heddle/yarn"
	"heddle/yarn/logs"
)

type logFile struct {
	owner      *executor.Account
	name, path string
	size       int64
	modified   time.Time
}

// logFiles lists a container's regular log files in all log directories, with its user's rights.
func (p *pages) logFiles(id yarn.ContainerID, owner *executor.Account) (out []logFile) {
	err := owner.Do(func() error {
		out = p.listLogs(id, owner)
		return nil
	})
	if err != nil {
		p.Log.Warn("a container's logs were not listed", "container", id, "error", err)
	}
	return out
}

func (p *pages) listLogs(id yarn.ContainerID, owner *executor.Account) []logFile {
	var out []logFile
	for _, l := range p.Dirs.AllLog() {
		d := dirs.LogDir(l, id)
		entries, err := os.ReadDir(d)
		if err != nil {
			continue // no container writes into every log directory
		}
		for _, e := range entries {
			fi, err := e.Info()
			if err == nil && fi.Mode().IsRegular() {
				out = append(out, logFile{owner, e.Name(), filepath.Join(d, e.Name()), fi.Size(), fi.ModTime()})
			}
		}
	}
	slices.SortFunc(out, func(a, b logFile) int { return cmp.Compare(a.name, b.name) })
	return out
}

// logsOf checks id and caller, and lists the container's log files. Logs are served while the
// application is on the node, also of containers that have ended.
func (p *pages) logsOf(r *http.Request) (yarn.ContainerID, []logFile, error) {
	id, err := yarn.ParseContainerID(trim(r.PathValue("id")))
	if err != nil {
		return id, nil, hadoophttp.BadRequest("invalid container id, %s", r.PathValue("id"))
	}
	a, ok := p.findApp(id.Attempt.Application)
	if !ok {
		return id, nil, hadoophttp.NotFound("Unknown container. Container either has not started or has already completed or doesn't belong to this node at all: %s", id)
	}
	if err := p.viewable(r, a.User, a.ACLs); err != nil {
		return id, nil, err
	}
	return id, p.logFiles(id, a.Owner), nil
}

type logInfo struct {
	Name     string `json:"fileName"`
	Size     string `json:"fileSize"`
	Modified string `json:"lastModifiedTime"`
}

func (p *pages) logList(w http.ResponseWriter, r *http.Request) {
	id, files, err := p.logsOf(r)
	if err != nil {
		hadoophttp.Fail(w, r, err)
		return
	}
	out := struct {
		Info      []logInfo `json:"containerLogInfo"`
		Type      string    `json:"logAggregationType"`
		Container string    `json:"containerId"`
		Node      string    `json:"nodeId"`
	}{[]logInfo{}, logs.Local, id.String(), p.Node.String()}
	for _, f := range files {
		out.Info = append(out.Info, logInfo{f.name, strconv.FormatInt(f.size, 10), f.modified.Format(logs.TimeForm)})
	}
	hadoophttp.Answer(w, r, http.StatusOK, "containerLogsInfo", out)
}

// window is the part of a file that ?size=n (the first n bytes) or ?size=-n (the last n) asks for.
func window(f logFile, size string) (offset, n int64, err error) {
	if size == "" {
		return 0, f.size, nil
	}
	want, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return 0, 0, hadoophttp.IllegalArgument("size %q is no number", size)
	}
	if want >= 0 {
		return 0, min(want, f.size), nil
	}
	return max(0, f.size+want), min(-want, f.size), nil
}

func find(files []logFile, name string) (logFile, error) {
	for _, f := range files {
		if f.name == name {
			return f, nil
		}
	}
	return logFile{}, hadoophttp.NotFound("Cannot find this log on the local disk: %s", name)
}

func openLog(f logFile) (in *os.File, err error) {
	err = f.owner.Do(func() (err error) {
		in, err = os.OpenFile(f.path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil, hadoophttp.NotFound("Cannot find this log on the local disk: %s", f.name)
	}
	return in, err
}

// logText answers in the frame that `yarn logs` prints.
func (p *pages) logText(w http.ResponseWriter, r *http.Request) {
	id, files, err := p.logsOf(r)
	if err != nil {
		hadoophttp.Fail(w, r, err)
		return
	}
	f, err := find(files, r.PathValue("file"))
	if err != nil {
		hadoophttp.Fail(w, r, err)
		return
	}
	offset, n, err := window(f, r.URL.Query().Get("size"))
	if err != nil {
		hadoophttp.Fail(w, r, err)
		return
	}
	in, err := openLog(f)
	if err != nil {
		hadoophttp.Fail(w, r, err)
		return
	}
	defer in.Close() //nolint:errcheck // only read
	switch format := r.URL.Query().Get("format"); format {
	case "", "text":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	case "octet-stream":
		w.Header().Set("Content-Type", "application/octet-stream; charset=utf-8")
	default:
		hadoophttp.Fail(w, r, hadoophttp.BadRequest("The valid values for the parameter : format are [text, octet-stream]"))
		return
	}
	running := false
	if c, err := p.Manager.Find(id); err == nil {
		running = c.Status().State != container.Done
	}
	e := logs.Entry{Container: id.String(), Node: p.Node.String(), Kind: logs.Local, Name: f.name, Size: f.size, Modified: f.modified, Running: running}
	if err := logs.WriteText(w, e, io.NewSectionReader(in, offset, n)); err != nil {
		p.Log.Debug("a log was not sent whole", "container", id, "file", f.name, "error", err)
	}
}

// logFile sends one log as plain text, or as a page to browsers; start is an offset, negative from the end.
func (p *pages) logFile(w http.ResponseWriter, r *http.Request) {
	if wantsPage(r) {
		p.logView(w, r)
		return
	}
	_, files, err := p.logsOf(r)
	if err != nil {
		hadoophttp.Fail(w, r, err)
		return
	}
	f, err := find(files, r.PathValue("file"))
	if err != nil {
		hadoophttp.Fail(w, r, err)
		return
	}
	start, err := strconv.ParseInt(cmp.Or(r.URL.Query().Get("start"), "0"), 10, 64)
	if err != nil {
		hadoophttp.Fail(w, r, hadoophttp.IllegalArgument("start is no number"))
		return
	}
	if start < 0 {
		start = max(0, f.size+start)
	}
	in, err := openLog(f)
	if err != nil {
		hadoophttp.Fail(w, r, err)
		return
	}
	defer in.Close() //nolint:errcheck // only read
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if _, err := io.Copy(w, io.NewSectionReader(in, min(start, f.size), max(f.size-start, 0))); err != nil {
		p.Log.Debug("a log was not sent whole", "file", f.name, "error", err)
	}
}
