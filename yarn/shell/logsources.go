package shell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net/url"
	"strconv"
	"strings"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/fs"
	"heddle/yarn/logs"
	"heddle/yarn/wire"
)

// live shows the logs of containers that the ResourceManager still knows, from their nodes.
func (r *logRun) live(ctx context.Context) error {
	containers, err := r.liveContainers(ctx)
	if err != nil {
		return err
	}
	for _, c := range containers {
		before := r.found
		r.found = false
		if err := r.liveContainer(ctx, c); err != nil {
			return err
		}
		if !r.found && len(r.containers) == 0 && r.list == texts {
			fmt.Fprintf(r.command.Err, "Can not find any log file matching the pattern: %s for the container: %s within the application: %s\n", r.pattern(), wire.ContainerIDFrom(c.GetContainerId()), r.app)
		}
		r.found = r.found || before
	}
	return nil
}

// liveContainers are the wanted containers of an application that runs.
func (r *logRun) liveContainers(ctx context.Context) ([]*yarnpb.ContainerReportProto, error) {
	resp, err := r.shell.RM.GetApplicationAttempts(ctx, &yarnpb.GetApplicationAttemptsRequestProto{ApplicationId: wire.AppID(r.app)})
	if err != nil {
		return nil, fmt.Errorf("finding the attempts of %s: %w", r.app, err)
	}
	var out []*yarnpb.ContainerReportProto
	for _, a := range resp.GetApplicationAttempts() {
		list, err := r.shell.RM.GetContainers(ctx, &yarnpb.GetContainersRequestProto{ApplicationAttemptId: a.GetApplicationAttemptId()})
		if err != nil {
			return nil, fmt.Errorf("finding the containers of %s: %w", wire.AttemptIDFrom(a.GetApplicationAttemptId()), err)
		}
		for _, c := range list.GetContainers() {
			if c.GetNodeHttpAddress() != "" && r.wantsContainer(wire.ContainerIDFrom(c.GetContainerId()).String()) {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

// nodeLogs is a NodeManager's list of a container's files.
type nodeLogs struct {
	Files []struct {
		Name     string `json:"fileName"`
		Size     string `json:"fileSize"`
		Modified string `json:"lastModifiedTime"`
	} `json:"containerLogInfo"`
	Kind string `json:"logAggregationType"`
	Node string `json:"nodeId"`
}

// maxLogList bounds a node's list of log files, in bytes.
const maxLogList = 16 << 20

// readNodeLogs takes an object or, as Java's node writes it where there are logs of several kinds, a list.
func readNodeLogs(in io.Reader) ([]nodeLogs, error) {
	var answer struct {
		Info json.RawMessage `json:"containerLogsInfo"`
	}
	if err := json.NewDecoder(io.LimitReader(in, maxLogList)).Decode(&answer); err != nil {
		return nil, err
	}
	if text := strings.TrimSpace(string(answer.Info)); !strings.HasPrefix(text, "[") {
		var one nodeLogs
		err := json.Unmarshal(answer.Info, &one)
		return []nodeLogs{one}, err
	}
	var list []nodeLogs
	err := json.Unmarshal(answer.Info, &list)
	return list, err
}

func (r *logRun) liveContainer(ctx context.Context, c *yarnpb.ContainerReportProto) error {
	id := wire.ContainerIDFrom(c.GetContainerId()).String()
	base := c.GetNodeHttpAddress() + "/ws/v1/node/containers/" + id + "/logs"
	in, err := r.command.page(ctx, base)
	if err != nil {
		return fmt.Errorf("listing the logs of %s: %w", id, err)
	}
	kinds, err := readNodeLogs(in)
	if err = errors.Join(err, in.Close()); err != nil {
		return fmt.Errorf("listing the logs of %s: %w", id, err)
	}
	for _, k := range kinds {
		if k.Kind != logs.Local { // what was uploaded already is shown from there
			continue
		}
		for _, f := range k.Files {
			size, err := strconv.ParseInt(f.Size, 10, 64)
			if err != nil {
				return fmt.Errorf("log %s of %s has size %q", f.Name, id, f.Size)
			}
			modified, err := time.Parse(logs.TimeForm, f.Modified)
			if err != nil {
				modified = time.Time{} // older nodes have another form; the node's own frame shows it
			}
			where := base + "/" + url.PathEscape(f.Name)
			if r.size != maxSize {
				where += "?size=" + strconv.FormatInt(r.size, 10)
			}
			e := logs.Entry{Container: id, Node: wire.NodeIDFrom(c.GetNodeId()).String(), Kind: k.Kind, Name: f.Name, Size: size, Modified: modified}
			if err := r.showFile(&logFile{Entry: e, live: true, read: func() (io.ReadCloser, error) { return r.command.page(ctx, where) }}); err != nil {
				return err
			}
		}
	}
	return nil
}

// storedLogs are uploaded logs.
type storedLogs struct {
	*logRun
	files  fs.FileSystem
	root   string // on files
	suffix string
}

func (r *logRun) stored() (*storedLogs, error) {
	dialer := &fs.Dialer{Conf: r.command.Conf}
	files, root, err := dialer.Open(r.command.Conf.String("yarn.nodemanager.remote-app-log-dir", "/tmp/logs"), r.command.User)
	if err != nil {
		return nil, err
	}
	return &storedLogs{r, files, root, r.command.Conf.String("yarn.nodemanager.remote-app-log-dir-suffix", "logs")}, nil
}

func (s *storedLogs) close() { _ = s.files.Close() } // only read

func (s *storedLogs) dirs(owner string) []string {
	l := logs.NewLayout(s.root, s.suffix)
	return []string{l.AppDir(owner, s.app), l.OldAppDir(owner, s.app)}
}

// findOwner looks for the user whose folder holds the application's logs; "" where none does.
func (s *storedLogs) findOwner(first string) (string, error) {
	users := []string{first}
	entries, err := s.files.List(s.root)
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return "", err
	}
	for _, e := range entries {
		users = append(users, e.Name())
	}
	for _, u := range users {
		for _, d := range s.dirs(u) {
			if fi, err := s.files.Stat(d); err == nil && fi.Dir {
				return u, nil
			}
		}
	}
	return "", nil
}

// nodeFiles are the files that nodes uploaded.
func (s *storedLogs) nodeFiles() ([]fs.Info, error) {
	var out []fs.Info
	for _, d := range s.dirs(s.owner) {
		entries, err := s.files.List(d)
		if errors.Is(err, iofs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !e.Dir && !strings.HasSuffix(e.Name(), logs.TempSuffix) && (s.node == "" || s.node == e.Name()) {
				out = append(out, e)
			}
		}
	}
	return out, nil
}

func (s *storedLogs) listNodes() error {
	files, err := s.nodeFiles()
	if err != nil {
		return err
	}
	var t text
	for _, f := range files {
		t.line("%s", f.Name())
	}
	t.line("")
	return s.shell.print(&t)
}

// show shows the wanted files.
func (s *storedLogs) show() error {
	files, err := s.nodeFiles()
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := s.nodeFile(f); err != nil {
			return fmt.Errorf("logs of node %s in %s: %w", f.Name(), f.Path, err)
		}
	}
	return nil
}

func (s *storedLogs) nodeFile(info fs.Info) error {
	in, err := s.files.Open(info.Path)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	r, err := logs.NewReader(in, info.Size)
	if err != nil {
		return err
	}
	for {
		id, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !s.wantsContainer(id) {
			continue
		}
		if err := s.containerFiles(r, id, info); err != nil {
			return err
		}
	}
}

func (s *storedLogs) containerFiles(r *logs.Reader, id string, info fs.Info) error {
	for {
		f, err := r.NextFile()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		e := logs.Entry{Container: id, Node: info.Name(), Kind: logs.Aggregated, Name: f.Name, Size: f.Size, Modified: info.ModTime}
		if err := s.showFile(&logFile{Entry: e, read: func() (io.ReadCloser, error) { return io.NopCloser(f.Body), nil }}); err != nil {
			return err
		}
	}
}
