// Command kube holds the programs of a Kubernetes control plane in one binary, for the tests. The name
// it is called by says which program it is (links named etcd, kube-apiserver, …), otherwise its first
// argument does. One binary because the programs share most of their code, which is built and kept once.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubeapiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kubecontrollermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

// programs has one row for each program; none of them returns.
var programs = map[string]func(args []string){
	"etcd":                    func(args []string) { etcdmain.Main(args) },
	"kube-apiserver":          kubernetes(kubeapiserver.NewAPIServerCommand),
	"kube-controller-manager": kubernetes(kubecontrollermanager.NewControllerManagerCommand),
}

func main() {
	args := slices.Clone(os.Args)
	name := filepath.Base(args[0])
	if programs[name] == nil && len(args) > 1 {
		args = args[1:]
		name = args[0]
	}
	run := programs[name]
	if run == nil {
		names := slices.Sorted(maps.Keys(programs))
		fmt.Fprintf(os.Stderr, "usage: kube %s [flags]\n", strings.Join(names, "|"))
		os.Exit(2)
	}
	// etcd and cobra look at os.Args themselves when they say who they are.
	os.Args = args
	run(args)
}

func kubernetes(newCommand func() *cobra.Command) func(args []string) {
	return func(args []string) {
		command := newCommand()
		command.SetArgs(args[1:])
		os.Exit(cli.Run(command))
	}
}
