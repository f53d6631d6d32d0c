# Sourced by run.sh and test.sh: publish FOLDER puts the server as people run it into a folder.
publish() {
  ready_to_run=()
  # Compiled ahead of time it starts twice as fast; other processors compile at start.
  [ "$(uname -m)" != x86_64 ] || ready_to_run=(-r linux-x64 --self-contained false -p:PublishReadyToRun=true)
  dotnet publish src/Gatehouse/Gatehouse.csproj -c Release -o "$1" "${ready_to_run[@]}" --nologo -v quiet -clp:ErrorsOnly
}
