package tokens

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	yarnpb "heddle/hadoop-proto/yarn"
	"heddle/hadoop/security"
	"heddle/nodemanager/recovery"
	"heddle/yarn"
	"heddle/yarn/wire"
)

// Where the journal has keys and claims: savedKeys under a kind, keys by attempt, and expiry times by container.
const (
	keyNM, keyContainers = "keys/nm", "keys/container"
	keyUsed, keyClaim    = "nm-key/", "claim/"
)

type savedKeys struct{ Current, Previous security.MasterKey }

// Set takes a key of the ResourceManager's, and remembers it and the one before.
func (n *NM) Set(k security.MasterKey) { set(&n.Keys, n.Journal, keyNM, k) }

// Set takes a key of the ResourceManager's, and remembers it and the one before.
func (c *Containers) Set(k security.MasterKey) { set(&c.Keys, c.Journal, keyContainers, k) }

func set(keys *security.ReceivedKeys, j *recovery.Journal, name string, k security.MasterKey) {
	before, ok := keys.Current()
	keys.Set(k)
	if !ok || before.ID != k.ID || !bytes.Equal(before.Bytes, k.Bytes) {
		j.Note(recovery.Put(name, savedKeys{k, before}))
	}
}

func recoverKeys(keys *security.ReceivedKeys, j *recovery.Journal, name string) error {
	return recovery.Load(j, name, func(_ string, s savedKeys) error {
		if s.Previous.Bytes != nil {
			keys.Set(s.Previous)
		}
		keys.Set(s.Current)
		return nil
	})
}

// Recover reads the keys that an earlier NodeManager had, so that AMs are served before the ResourceManager is. Keys
// of attempts whose application is not known any more are forgotten.
func (n *NM) Recover(known func(yarn.ApplicationID) bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.used = map[yarn.AttemptID]security.MasterKey{}
	return errors.Join(recoverKeys(&n.Keys, n.Journal, keyNM), recovery.Load(n.Journal, keyUsed, func(name string, k security.MasterKey) error {
		a, err := yarn.ParseAttemptID(name)
		if err != nil {
			return fmt.Errorf("key of an attempt: %w", err)
		}
		if !known(a.Application) {
			n.Journal.Note(recovery.Delete(keyUsed + name))
			return nil
		}
		n.used[a] = k
		return nil
	}))
}

// Recover reads keys, and the claims whose tokens could still be shown again.
func (c *Containers) Recover() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = map[yarn.ContainerID]time.Time{}
	return errors.Join(recoverKeys(&c.Keys, c.Journal, keyContainers), recovery.Load(c.Journal, keyClaim, func(name string, until time.Time) error {
		id, err := yarn.ParseContainerID(name)
		if err != nil {
			return fmt.Errorf("claim: %w", err)
		}
		c.started[id] = until
		return nil
	}))
}

// Record is the claim of a token, to be remembered together with the container that it started.
func (c *Containers) Record(id *yarnpb.ContainerTokenIdentifierProto) recovery.Change {
	return recovery.Put(keyClaim+wire.ContainerIDFrom(id.GetContainerId()).String(), time.UnixMilli(id.GetExpiryTimeStamp()))
}
