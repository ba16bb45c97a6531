package executor

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// LookupAccount finds an operating-system user.
func LookupAccount(name string) (*Account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("user %s is not known to this host: %w", name, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	a := &Account{Name: name, UID: uint32(uid), GID: uint32(gid)}
	a.groups = allGroups(u, a.GID)
	return a, nil
}

// Unreadable returns the first part of path that the account may not read or, for a folder,
// enter; "" when all is open. It follows links as the kernel would.
func Unreadable(a *Account, path string) string {
	if a.UID == 0 {
		return ""
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return path
	}
	need := uint32(4)
	for p := real; ; p = filepath.Dir(p) {
		fi, err := os.Stat(p)
		if err != nil || !a.may(fi, need) {
			return p
		}
		if p == "/" {
			return ""
		}
		need = 1
	}
}

// allGroups are a user's groups; where they cannot be read, the first alone.
func allGroups(u *user.User, first uint32) []uint32 {
	out := []uint32{first}
	ids, err := u.GroupIds()
	if err != nil {
		return out
	}
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			out = append(out, uint32(n))
		}
	}
	return out
}

func (a *Account) may(fi os.FileInfo, need uint32) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	mode := uint32(fi.Mode().Perm())
	switch {
	case st.Uid == a.UID:
		mode >>= 6
	case slices.Contains(a.groups, st.Gid):
		mode >>= 3
	}
	return mode&need == need
}
