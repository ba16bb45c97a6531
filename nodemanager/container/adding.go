package container

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"

	"heddle/nodemanager/launch"
	"heddle/nodemanager/localizer"
	"heddle/yarn"
)

// Localize brings resources into the running container and links them in its work directory. It
// returns when the wish is remembered; Localizations tells what came of it.
func (c *Container) Localize(resources []localizer.Resource) error {
	if err := checkNames(resources); err != nil {
		return err
	}
	c.mu.Lock()
	if err := c.ready("LOCALIZE"); err != nil {
		c.mu.Unlock()
		return err
	}
	c.turn.Adding = merge(c.turn.Adding, resources)
	failed := maps.Clone(c.turn.Failed)
	for _, x := range resources {
		delete(failed, x.Name)
	}
	c.turn.Failed = failed
	c.mu.Unlock()
	if err := c.saveTurn(); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.turn.Adding = without(c.turn.Adding, resources)
		return err
	}
	for _, x := range resources {
		c.mgr.wg.Go(func() { c.add(x) })
	}
	return nil
}

// resumeAdding goes on with what an earlier NodeManager was asked for.
func (c *Container) resumeAdding() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state >= Killing {
		return
	}
	for _, x := range c.turn.Adding {
		c.mgr.wg.Go(func() { c.add(x) })
	}
}

func (c *Container) add(x localizer.Resource) {
	res, err := c.mgr.cfg.Localizer.Localize(c.ctx, c.request(Launch{Resources: []localizer.Resource{x}}))
	if err == nil {
		err = c.link(res.Paths)
	}
	c.mu.Lock()
	if c.mgr.away.Err() != nil || c.state >= Killing || !slices.Contains(c.turn.Adding, x) {
		c.mu.Unlock()
		return
	}
	one := []localizer.Resource{x}
	c.turn.Adding = without(c.turn.Adding, one)
	if err != nil {
		c.mgr.cfg.Log.Warn("a resource did not come into a running container", "container", c.ID, "resource", x.Name, "error", err)
		failed := map[string]string{x.Name: err.Error()}
		maps.Copy(failed, c.turn.Failed)
		c.turn.Failed = failed
	} else {
		c.spec.Launch.Resources = merge(c.spec.Launch.Resources, one)
	}
	c.mu.Unlock()
	if err := c.saveTurn(); err != nil {
		c.mgr.cfg.Log.Error("what became of a resource is not remembered", "container", c.ID, "resource", x.Name, "error", err)
	}
}

func checkNames(resources []localizer.Resource) error {
	for _, x := range resources {
		if err := launch.CheckLink(x.Name); err != nil {
			return err
		}
	}
	return nil
}

// link makes the links of resources in the work directory, in the place of older ones.
func (c *Container) link(paths map[string]string) error {
	return c.inWorkDir(paths, func(dir *os.Root, l launch.Link) error {
		if err := removeLink(dir, l.Name); err != nil {
			return err
		}
		if parent := path.Dir(l.Name); parent != "." {
			if err := dir.MkdirAll(parent, 0o755); err != nil {
				return err
			}
		}
		return dir.Symlink(l.Target, l.Name)
	})
}

// unlink removes links before a script makes them again: "ln -sf" would follow one to a folder.
func (c *Container) unlink(paths map[string]string) error {
	return c.inWorkDir(paths, func(dir *os.Root, l launch.Link) error { return removeLink(dir, l.Name) })
}

// inWorkDir does something for every link, with the rights of the container's user.
func (c *Container) inWorkDir(paths map[string]string, do func(*os.Root, launch.Link) error) error {
	var links []launch.Link
	for name, target := range paths {
		links = append(links, c.links(name, target)...)
	}
	c.mu.Lock()
	work := c.workDir
	c.mu.Unlock()
	return c.owner.Do(func() error {
		dir, err := os.OpenRoot(work)
		if err != nil {
			return err
		}
		defer dir.Close() //nolint:errcheck // nothing is written by it
		for _, l := range links {
			if err := do(dir, l); err != nil {
				return fmt.Errorf("link %s in the work directory: %w", l.Name, err)
			}
		}
		return nil
	})
}

func removeLink(dir *os.Root, name string) error {
	fi, err := dir.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && fi.Mode()&fs.ModeSymlink == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return dir.Remove(name)
}

// Localization is what became of one resource.
type Localization struct {
	Name        string
	Pending     bool
	Failed      bool
	Diagnostics string
}

// Localizations tells of every resource of the container.
func (c *Container) Localizations() []Localization {
	c.mu.Lock()
	all, adding, failed := c.spec.Launch.Resources, c.turn.Adding, c.turn.Failed
	if ch := c.turn.Change; ch != nil {
		all = ch.Launch.Resources
	}
	notStarted := c.state == Done && c.exit == yarn.ExitInvalid
	diagnostics := c.diagnostics
	c.mu.Unlock()
	var out []Localization
	for name, pending := range c.mgr.cfg.Localizer.Pending(c.request(Launch{Resources: without(all, adding)})) {
		l := Localization{Name: name, Pending: pending}
		if pending && notStarted {
			l = Localization{Name: name, Failed: true, Diagnostics: diagnostics}
		}
		out = append(out, l)
	}
	for _, x := range adding {
		out = append(out, Localization{Name: x.Name, Pending: true})
	}
	for name, why := range failed {
		out = append(out, Localization{Name: name, Failed: true, Diagnostics: why})
	}
	return out
}
