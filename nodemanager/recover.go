package nodemanager

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"heddle/nodemanager/dirs"
	"heddle/nodemanager/recovery"
	"heddle/nodemanager/updater"
	"heddle/yarn"
)

// What the node itself keeps in the journal.
const (
	keyTypes = "types" // names of the resource types, in the order of stored resources
	keyPorts = "ports/"
)

// openJournal opens what an earlier NodeManager remembered, where recovery is enabled.
func (n *node) openJournal() error {
	if !n.recovery {
		return recovery.Discard(n.recoveryDir)
	}
	j, err := recovery.Open(n.recoveryDir, time.Now(), n.log)
	if err != nil {
		return err
	}
	n.journal = j
	n.onClose(func() {
		if err := j.Close(); err != nil {
			n.log.Error("the recovery journal was not closed well", "error", err)
		}
	})
	return nil
}

// samePort makes an address with port 0 that of the earlier NodeManager: AMs know it, and tokens name it.
func (n *node) samePort(name, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port != "0" {
		return address, err
	}
	err = recovery.Load(n.journal, keyPorts, func(found string, p int) error {
		if found == name {
			address = net.JoinHostPort(host, strconv.Itoa(p))
		}
		return nil
	})
	return address, err
}

func (n *node) notePort(name string, l net.Addr) {
	n.journal.Note(recovery.Put(keyPorts+name, l.(*net.TCPAddr).Port))
}

// recover takes over what the earlier NodeManager left, and ends what nobody knows.
func (n *node) recover(ctx context.Context) error {
	if n.journal == nil {
		return nil
	}
	fix, err := n.typeOrder()
	if err != nil {
		return err
	}
	if err := errors.Join(n.manager.Recover(fix), n.nm.Recover(n.manager.KnownApp), n.ct.Recover()); err != nil {
		return fmt.Errorf("recover from %s: %w", n.recoveryDir, err)
	}
	if n.shuffler != nil {
		if err := n.shuffler.Recover(); err != nil {
			return err
		}
	}
	halves, err := n.local.Recover(n.manager.KnownApp)
	if err != nil {
		return err
	}
	if err := endLeftovers(ctx, n.localDirs, n.exec, n.manager.Known, n.log); err != nil {
		return err
	}
	strays, err := n.dirs.Strays(n.manager.KnownApp)
	if err != nil {
		return err
	}
	n.removeLater(append(halves, strays...))
	return n.manager.Resume()
}

// removeLater removes directories that nobody uses while the node goes on.
func (n *node) removeLater(old []string) {
	n.wg.Go(func() {
		for _, p := range old {
			if err := dirs.RemoveAll(p); err != nil {
				n.log.Warn("an old directory could not be removed", "dir", p, "error", err)
			}
		}
	})
}

// typeOrder puts stored resources into today's order of types, which resource-types.xml may have changed.
func (n *node) typeOrder() (func(yarn.Resource) yarn.Resource, error) {
	var now, then []string
	for i := range n.types.Len() {
		now = append(now, n.types.At(i).Name)
	}
	err := recovery.Load(n.journal, keyTypes, func(_ string, names []string) error { then = names; return nil })
	n.journal.Note(recovery.Put(keyTypes, now))
	if then == nil || slices.Equal(now, then) {
		return func(r yarn.Resource) yarn.Resource { return r }, err
	}
	n.log.Warn("resource types have changed since the earlier NodeManager", "then", then, "now", now)
	return func(r yarn.Resource) (out yarn.Resource) {
		for i, name := range then {
			if at := n.types.Index(name); at >= 0 && i < len(r) {
				out[at] = r[i]
			}
		}
		return out
	}, err
}

// end ends the containers, or leaves them to the NodeManager that comes back: with recovery and
// yarn.nodemanager.recovery.supervised, as Hadoop does. A ResourceManager that sent the node away gets them ended.
// It says good-bye before containers end, as Hadoop does: the ResourceManager then counts them as lost with their node, which
// is no failure of theirs, and gives nothing more to it.
func (n *node) end(ctx context.Context, why error) error {
	sentAway := errors.Is(why, updater.ErrShutdown)
	if n.journal != nil && n.supervised && !sentAway {
		return n.manager.Leave(ctx)
	}
	n.link.Unregister(ctx)
	err := n.manager.Close(ctx)
	if n.journal != nil && sentAway && err == nil {
		n.onClosed(func() error { return recovery.Discard(n.recoveryDir) })
	}
	return err
}
