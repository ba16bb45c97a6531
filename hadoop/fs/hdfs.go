package fs

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net"
	"os"
	"path"
	"strings"
	"time"

	"github.com/colinmarc/hdfs/v2"
)

const (
	defaultNameNodePort = "8020"
	dialTimeout         = 20 * time.Second
	// settleTimeout bounds the wait at Close for the last blocks to reach their DataNodes.
	settleTimeout = time.Minute
)

type hadoopFS struct {
	client *hdfs.Client
	uri    string
}

var _ FileSystem = (*hadoopFS)(nil)

// dialHDFS connects to the NameNode of authority: host, host:port, or a name service of the configuration.
func (d *Dialer) dialHDFS(authority, user string) (*hadoopFS, error) {
	if authority == "" {
		return nil, errors.New("hdfs:// needs host:port or a name service; set fs.defaultFS in core-site.xml")
	}
	if v, _ := d.get("hadoop.security.authentication"); strings.EqualFold(v, "kerberos") {
		return nil, errors.New("hadoop.security.authentication=kerberos is not supported yet for hdfs://")
	}
	addresses, err := d.nameNodes(authority)
	if err != nil {
		return nil, err
	}
	dial := (&net.Dialer{Timeout: dialTimeout}).DialContext
	byName, _ := d.get("dfs.client.use.datanode.hostname")
	c, err := hdfs.NewClient(hdfs.ClientOptions{
		Addresses:           addresses,
		User:                user,
		UseDatanodeHostname: byName == "true",
		NamenodeDialFunc:    dial,
		DatanodeDialFunc:    dial,
	})
	if err != nil {
		return nil, err
	}
	return &hadoopFS{client: c, uri: "hdfs://" + authority}, nil
}

// nameNodes are the addresses behind an authority: those of dfs.ha.namenodes.<service> where it is a name service.
func (d *Dialer) nameNodes(authority string) ([]string, error) {
	if strings.Contains(authority, ":") {
		return []string{authority}, nil
	}
	ids, ok := d.get("dfs.ha.namenodes." + authority)
	if !ok {
		if a, ok := d.get("dfs.namenode.rpc-address." + authority); ok {
			return []string{a}, nil
		}
		return []string{net.JoinHostPort(authority, defaultNameNodePort)}, nil
	}
	var out []string
	for id := range strings.SplitSeq(ids, ",") {
		key := "dfs.namenode.rpc-address." + authority + "." + strings.TrimSpace(id)
		a, ok := d.get(key)
		if !ok {
			return nil, fmt.Errorf("name service %s: %s is not set in hdfs-site.xml", authority, key)
		}
		out = append(out, a)
	}
	return out, nil
}

func (h *hadoopFS) URI() string  { return h.uri }
func (h *hadoopFS) Close() error { return h.client.Close() }

func (h *hadoopFS) Stat(p string) (Info, error) {
	fi, err := h.client.Stat(p)
	if err != nil {
		return Info{}, err
	}
	return hdfsInfo(p, fi), nil
}

func hdfsInfo(p string, fi os.FileInfo) Info {
	i := Info{Path: p, ModTime: fi.ModTime(), Mode: uint32(fi.Mode()) & 0o1777, Dir: fi.IsDir()}
	if !i.Dir {
		i.Size = fi.Size()
	}
	if x, ok := fi.(*hdfs.FileInfo); ok {
		i.Owner, i.Group = x.Owner(), x.OwnerGroup()
	}
	return i
}

func (h *hadoopFS) List(p string) ([]Info, error) {
	entries, err := h.client.ReadDir(p)
	if err != nil {
		return nil, err
	}
	out := make([]Info, len(entries))
	for i, e := range entries {
		out[i] = hdfsInfo(path.Join(p, e.Name()), e)
	}
	return out, nil
}

func (h *hadoopFS) Open(p string) (File, error) {
	r, err := h.client.Open(p)
	if err != nil {
		return nil, err
	}
	return hdfsReader{r}, nil
}

// hdfsReader gives errors their kind: rights on a file are looked at when its first block is located,
// where the client passes the NameNode's exception on as it is.
type hdfsReader struct{ *hdfs.FileReader }

func (r hdfsReader) Read(b []byte) (int, error) {
	n, err := r.FileReader.Read(b)
	return n, kindOf(err)
}

func (r hdfsReader) ReadAt(b []byte, at int64) (int, error) {
	n, err := r.FileReader.ReadAt(b, at)
	return n, kindOf(err)
}

func kindOf(err error) error {
	var remote hdfs.Error
	if !errors.As(err, &remote) {
		return err
	}
	switch remote.Exception() {
	case "org.apache.hadoop.security.AccessControlException":
		return fmt.Errorf("%w: %w", iofs.ErrPermission, err)
	case "java.io.FileNotFoundException":
		return fmt.Errorf("%w: %w", iofs.ErrNotExist, err)
	}
	return err
}

func (h *hadoopFS) Create(p string, mode uint32) (io.WriteCloser, error) {
	w, err := h.create(p, mode)
	if errors.Is(err, iofs.ErrExist) { // the client's own create does not replace
		if err = h.Remove(p); err == nil {
			w, err = h.create(p, mode)
		}
	}
	if err != nil {
		return nil, err
	}
	return &hdfsWriter{FileWriter: w, name: p}, nil
}

// create is two calls of the NameNode, which asks for the defaults once and takes the mode as it is.
func (h *hadoopFS) create(p string, mode uint32) (*hdfs.FileWriter, error) {
	defaults, err := h.client.ServerDefaults()
	if err != nil {
		return nil, err
	}
	return h.client.CreateFile(p, defaults.Replication, defaults.BlockSize, os.FileMode(mode))
}

// hdfsWriter waits at Close until the NameNode has the last block: the client's own Close
// answers ErrReplicating while DataNodes still report it, and the file stays open then.
type hdfsWriter struct {
	*hdfs.FileWriter
	name string
}

func (w *hdfsWriter) Close() error {
	deadline := time.Now().Add(settleTimeout)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := w.FileWriter.Close()
		if !hdfs.IsErrReplicating(err) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("close %s: its blocks were not reported within %v; check the DataNodes: %w", w.name, settleTimeout, err)
		}
		time.Sleep(pause)
	}
}

func (h *hadoopFS) Mkdir(p string, mode uint32) error {
	return h.client.Mkdir(p, os.FileMode(mode)) // umasks are for clients to apply: the NameNode takes the mode as it is
}

func (h *hadoopFS) MkdirAll(p string, mode uint32) error {
	return h.client.MkdirAll(p, os.FileMode(mode))
}

func (h *hadoopFS) Rename(from, to string) error {
	if _, err := h.client.Stat(to); err == nil {
		return fmt.Errorf("rename %s to %s: %w", from, to, os.ErrExist)
	}
	return h.client.Rename(from, to)
}

// Replace is one operation of the NameNode, which logs it before it answers.
func (h *hadoopFS) Replace(from, to string) error { return h.client.Rename(from, to) }

func (h *hadoopFS) Remove(p string) error    { return ignoreAbsent(h.client.Remove(p)) }
func (h *hadoopFS) RemoveAll(p string) error { return ignoreAbsent(h.client.RemoveAll(p)) }

func ignoreAbsent(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Chmod passes the bits as they are: HDFS's own are chmod's.
func (h *hadoopFS) Chmod(p string, mode uint32) error { return h.client.Chmod(p, os.FileMode(mode)) }

// Chgrp implements FileSystem.
func (h *hadoopFS) Chgrp(p, group string) error { return h.client.Chown(p, "", group) }
