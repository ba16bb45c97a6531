//go:build !cgo || !linux

package gpu

import "errors"

func fromLibrary() (Discovery, error) {
	return Discovery{}, errors.New("this heddle was built without cgo and cannot use the NVIDIA driver's library")
}
