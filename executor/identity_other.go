//go:build !linux

package executor

import "errors"

// Do is Do of Linux for the daemon's own user; there are no others elsewhere.
func (a *Account) Do(f func() error) error {
	if a == nil {
		return f()
	}
	return errors.New("containers of other users need Linux")
}

// Become is for Linux.
func (a *Account) Become() error { return errors.New("containers of other users need Linux") }
