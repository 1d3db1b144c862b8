package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// exact narrows a requirement that torch's metadata of the default version
// leaves open, so that the digests below match what is downloaded.
func exact(requirement string) string {
	switch requirement {
	case "nvidia-cuda-cupti==13.0.*":
		return "nvidia-cuda-cupti==13.0.85"
	case "nvidia-cuda-runtime==13.0.*":
		return "nvidia-cuda-runtime==13.0.96"
	}
	return requirement
}

// wheelDigests holds the sha256 of the wheels of the default version, for every
// Python that pip might pick one for.
var wheelDigests = map[string]string{
	"torch-2.11.0-cp310-cp310-manylinux_2_28_x86_64.whl":                                    "1b32ceda909818a03b112006709b02be1877240c31750a8d9c6b7bf5f2d8a6e5",
	"torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl":                                    "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
	"torch-2.11.0-cp312-cp312-manylinux_2_28_x86_64.whl":                                    "0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756",
	"torch-2.11.0-cp313-cp313-manylinux_2_28_x86_64.whl":                                    "cc89b9b173d9adfab59fd227f0ab5e5516d9a52b658ae41d64e59d2e55a418db",
	"torch-2.11.0-cp313-cp313t-manylinux_2_28_x86_64.whl":                                   "98bb213c3084cfe176302949bdc360074b18a9da7ab59ef2edc9d9f742504778",
	"torch-2.11.0-cp314-cp314-manylinux_2_28_x86_64.whl":                                    "4dc8b3809469b6c30b411bb8c4cad3828efd26236153d9beb6a3ec500f211a60",
	"torch-2.11.0-cp314-cp314t-manylinux_2_28_x86_64.whl":                                   "563ed3d25542d7e7bbc5b235ccfacfeb97fb470c7fee257eae599adb8005c8a2",
	"torch-2.11.0-cp310-cp310-manylinux_2_28_aarch64.whl":                                   "4cf8687f4aec3900f748d553483ef40e0ac38411c3c48d0a86a438f6d7a99b18",
	"torch-2.11.0-cp311-cp311-manylinux_2_28_aarch64.whl":                                   "d91aac77f24082809d2c5a93f52a5f085032740a1ebc9252a7b052ef5a4fddc6",
	"torch-2.11.0-cp312-cp312-manylinux_2_28_aarch64.whl":                                   "f99924682ef0aa6a4ab3b1b76f40dc6e273fca09f367d15a524266db100a723f",
	"torch-2.11.0-cp313-cp313-manylinux_2_28_aarch64.whl":                                   "63a68fa59de8f87acc7e85a5478bb2dddbb3392b7593ec3e78827c793c4b73fd",
	"torch-2.11.0-cp313-cp313t-manylinux_2_28_aarch64.whl":                                  "2658f34ce7e2dabf4ec73b45e2ca68aedad7a5be87ea756ad656eaf32bf1e1ea",
	"torch-2.11.0-cp314-cp314-manylinux_2_28_aarch64.whl":                                   "2bb3cc54bd0dea126b0060bb1ec9de0f9c7f7342d93d436646516b0330cd5be7",
	"torch-2.11.0-cp314-cp314t-manylinux_2_28_aarch64.whl":                                  "ab9a8482f475f9ba20e12db84b0e55e2f58784bdca43a854a6ccd3fd4b9f75e6",
	"nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl":                          "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
	"nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl":   "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
	"nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_aarch64.whl":                         "796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151",
	"nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64.whl": "ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55",
}

// checkDigest compares the wheel at path with its digest in table. A wheel that
// the table does not name is unknown, which is not an error.
func checkDigest(path string, table map[string]string) (known bool, err error) {
	want, known := table[filepath.Base(path)]
	if !known {
		return false, nil
	}
	got, err := fileDigest(path)
	if err != nil {
		return true, err
	}
	if got != want {
		return true, fmt.Errorf("%s: sha256 is %s, want %s; the download is damaged or not the published one: run make setup again, and check the index that pip is set to",
			filepath.Base(path), got, want)
	}
	return true, nil
}

// fileDigest is the sha256 of the file at path, in hex.
func fileDigest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
