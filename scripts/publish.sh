# Sourced by run.sh and test.sh: publish FOLDER puts the server as people run it into a folder.
publish() {
  ready_to_run=()
  # Compiled ahead of time it starts twice as fast; other processors compile at start.
  [ "$(uname -m)" != x86_64 ] || ready_to_run=(-p:PublishReadyToRun=true)
  # Analysis is for who changes the code: a third of the time. What a build compiled before is taken as it is.
  dotnet publish src/Gatehouse/Gatehouse.csproj -c Release -o "$1" "${ready_to_run[@]}" -p:RunAnalyzers=false --nologo -v quiet -clp:ErrorsOnly
}
