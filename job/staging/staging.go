// Package staging is where jobs lie on the default file system:
//
//	<root>/                              heddle.job.staging-dir, open to all with the sticky bit
//	<root>/<user>/heddle/<sha256>        heddle's binary and the agent's, each uploaded once
//	<root>/<user>/jobs/<application>/    launch.json, heddle-conf.xml, and in the end status.json
//
// Each user has binaries of his own: one that another user put there would run as him.
package staging

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os/user"
	"path"

	"heddle/hadoop/conf"
	"heddle/hadoop/fs"
	"heddle/job/status"
	"heddle/jobspec"
)

// KeyDir is the configuration key of the staging directory.
const KeyDir = "heddle.job.staging-dir"

// DefaultDir is its default, on the default file system.
const DefaultDir = "/tmp/heddle-staging"

// Names of a job's files.
const (
	LaunchFile = "launch.json"
	StatusFile = "status.json"
)

const (
	rootMode    = 0o1777
	passMode    = 0o711 // others may pass: PUBLIC resources must be readable by all
	jobMode     = 0o755 // everybody may read the status, as in OpenPAI
	binaryMode  = 0o755
	privateMode = 0o600 // the job's environment may hold secrets
	statusMode  = 0o644
)

// maxLaunch bounds launch.json.
const maxLaunch = 8 << 20

// Launch is what the ApplicationMaster of a job starts from.
type Launch struct {
	Framework jobspec.Framework `json:"framework"`
	Docker    bool              `json:"docker"` // else the images are ignored
	Agent     Resource          `json:"agent"`
	Conf      Resource          `json:"conf"`
	Status    string            `json:"status"` // URI of the status file
}

// Dir is one user's part of the staging directory.
type Dir struct {
	fs   fs.FileSystem
	root string // path of the staging directory
	user string
}

// Open opens the staging directory of a user; the caller closes it.
func Open(c *conf.Config, name string) (*Dir, error) {
	d := &fs.Dialer{Conf: c}
	f, root, err := d.Open(c.String(KeyDir, DefaultDir), name)
	if err != nil {
		return nil, fmt.Errorf("staging directory (%s): %w", KeyDir, err)
	}
	return &Dir{fs: f, root: root, user: name}, nil
}

// Close frees the file system.
func (d *Dir) Close() error { return d.fs.Close() }

// URI is a path's full name.
func (d *Dir) URI(p string) string { return d.fs.URI() + p }

func (d *Dir) home() string { return path.Join(d.root, d.user) }

// JobDir is the directory of one of the user's jobs.
func (d *Dir) JobDir(application string) string { return path.Join(d.home(), "jobs", application) }

// Prepare makes the user's directories, and refuses one that somebody else made.
func (d *Dir) Prepare() error {
	if _, err := d.fs.Stat(d.root); errors.Is(err, iofs.ErrNotExist) {
		if err := d.fs.MkdirAll(path.Dir(d.root), 0o755); err != nil {
			return d.wrap(err)
		}
		if err := d.fs.Mkdir(d.root, rootMode); err != nil && !errors.Is(err, iofs.ErrExist) {
			return d.wrap(err)
		}
	}
	if err := d.fs.MkdirAll(d.home(), passMode); err != nil {
		return d.wrap(err)
	}
	fi, err := d.fs.Stat(d.home())
	if err != nil {
		return d.wrap(err)
	}
	owner := d.user
	if d.fs.URI() == "file://" { // whoever the job is for, the files are this process's
		me, err := user.Current()
		if err != nil {
			return d.wrap(err)
		}
		owner = me.Username
	}
	if fi.Owner != owner {
		return fmt.Errorf("staging directory %s belongs to %s, not to %s: binaries in it would run in your name; have it removed", d.URI(d.home()), fi.Owner, owner)
	}
	if fi.Mode&0o022 != 0 {
		return fmt.Errorf("staging directory %s is writable by others: binaries in it would run in your name; remove it, or chmod 711", d.URI(d.home()))
	}
	for _, sub := range []string{"heddle", "jobs"} {
		if err := d.fs.MkdirAll(path.Join(d.home(), sub), jobMode); err != nil {
			return d.wrap(err)
		}
	}
	return nil
}

func (d *Dir) wrap(err error) error {
	return fmt.Errorf("staging directory %s: %w; choose another with %s", d.URI(d.home()), err, KeyDir)
}

// Binary uploads a program unless the very same is there, and returns it.
func (d *Dir) Binary(content []byte) (Resource, error) {
	sum := sha256.Sum256(content)
	p := path.Join(d.home(), "heddle", hex.EncodeToString(sum[:]))
	fi, err := d.fs.Stat(p)
	if err == nil && fi.Size == int64(len(content)) {
		return d.resource(fi), nil
	}
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return Resource{}, d.wrap(err)
	}
	return d.put(p, content, binaryMode)
}

// put writes a file beside its name and renames it; of two that do so at once the first wins.
func (d *Dir) put(p string, content []byte, mode uint32) (Resource, error) {
	part := p + "." + rand.Text()[:8] + "._COPYING_" // another submission may upload the same now
	w, err := d.fs.Create(part, mode)
	if err != nil {
		return Resource{}, d.wrap(err)
	}
	_, err = w.Write(content)
	if err = errors.Join(err, w.Close()); err == nil {
		if err = d.fs.Rename(part, p); errors.Is(err, iofs.ErrExist) {
			err = d.fs.Remove(part)
		}
	}
	if err != nil {
		return Resource{}, d.wrap(err)
	}
	fi, err := d.fs.Stat(p)
	if err != nil {
		return Resource{}, d.wrap(err)
	}
	return d.resource(fi), nil
}

func (d *Dir) resource(fi fs.Info) Resource {
	return Resource{URI: d.URI(fi.Path), Size: fi.Size, Timestamp: fi.ModMillis()}
}

// NewJob makes a job's directory with its launch file and configuration; l gets its Conf and Status.
func (d *Dir) NewJob(application string, l *Launch, c *conf.Config) (launch Resource, err error) {
	dir := d.JobDir(application)
	if err := d.fs.MkdirAll(dir, jobMode); err != nil {
		return Resource{}, d.wrap(err)
	}
	if l.Conf, err = d.put(path.Join(dir, "heddle-conf.xml"), conf.XML(ownSettings(c)), privateMode); err != nil {
		return Resource{}, err
	}
	l.Status = d.URI(path.Join(dir, StatusFile))
	body, err := json.Marshal(l)
	if err != nil {
		return Resource{}, err
	}
	return d.put(path.Join(dir, LaunchFile), body, privateMode)
}

// RemoveJob removes a job's directory, of a job that was not submitted after all.
func (d *Dir) RemoveJob(application string) error { return d.fs.RemoveAll(d.JobDir(application)) }

// WriteStatus replaces a job's status file.
func (d *Dir) WriteStatus(s *status.Job) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	p := path.Join(d.JobDir(s.Application), StatusFile)
	part := p + "._COPYING_"
	w, err := d.fs.Create(part, statusMode)
	if err != nil {
		return d.wrap(err)
	}
	_, err = w.Write(text)
	if err = errors.Join(err, w.Close()); err != nil {
		return d.wrap(err)
	}
	if err := d.fs.Remove(p); err != nil {
		return d.wrap(err)
	}
	return d.fs.Rename(part, p)
}

// ReadStatus reads what a job left; the error wraps fs.ErrNotExist where it left nothing.
func (d *Dir) ReadStatus(application string) (*status.Job, error) {
	body, err := d.read(path.Join(d.JobDir(application), StatusFile), status.MaxBytes)
	if err != nil {
		return nil, err
	}
	s := new(status.Job)
	if err := json.Unmarshal(body, s); err != nil {
		return nil, fmt.Errorf("status of %s: %w", application, err)
	}
	return s, nil
}

func (d *Dir) read(p string, limit int64) ([]byte, error) {
	f, err := d.fs.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", d.URI(p), limit)
	}
	return body, nil
}

// ParseLaunch reads a launch file.
func ParseLaunch(body []byte) (*Launch, error) {
	if len(body) > maxLaunch {
		return nil, fmt.Errorf("the launch file has %d bytes, at most %d are accepted", len(body), maxLaunch)
	}
	l := new(Launch)
	if err := json.Unmarshal(body, l); err != nil {
		return nil, fmt.Errorf("launch file: %w", err)
	}
	if len(l.Framework.Roles) == 0 {
		return nil, errors.New("launch file: the job has no roles")
	}
	for _, r := range l.Framework.Roles {
		if r.Instances < 1 || r.Instances > jobspec.MaxInstances {
			return nil, fmt.Errorf("launch file: role %s has %d instances", r.Name, r.Instances)
		}
	}
	return l, nil
}

// ownSettings are those of a configuration that are no built-in defaults.
func ownSettings(c *conf.Config) map[string]string {
	out := map[string]string{}
	for _, key := range c.Keys() {
		if c.Source(key) != conf.SourceDefault {
			out[key], _ = c.Untrimmed(key) // expanded here: variables may name this machine's environment
		}
	}
	return out
}
