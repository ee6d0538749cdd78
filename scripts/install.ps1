<#
.SYNOPSIS
Installs, updates or removes natpmp on Windows, from its releases. Never asks.

.DESCRIPTION
For Windows PowerShell 5.1 and PowerShell 7. Without a file:

    irm https://raw.githubusercontent.com/natpmp/natpmp/HEAD/scripts/install.ps1 | iex

The environment variable NATPMP_REPOSITORY names another repository on GitHub (OWNER/REPOSITORY).
A run that fails or is interrupted changes nothing. The exit code is 0 or 1.

.PARAMETER Prefix
The directory for natpmp.exe and its documents; by default %LOCALAPPDATA%\Programs\natpmp.

.PARAMETER Version
This release, such as 0.1.0; by default the latest, unless a newer one is installed.

.PARAMETER BaseUrl
Download from BASEURL/vX/ instead of https://github.com/OWNER/REPOSITORY/releases/download. BASEURL/latest/SHA256SUMS
names the latest release (GitHub: .../releases/latest/download/SHA256SUMS).

.PARAMETER Target
Instead of this machine's: windows-x64 or windows-arm64.

.PARAMETER Force
Install even if the binary is known not to run here.

.PARAMETER NoPath
Leave the user's PATH alone.

.PARAMETER Uninstall
Remove what this script installed, and nothing else.

.EXAMPLE
.\install.ps1 -Version 0.1.0

.EXAMPLE
& ([scriptblock]::Create((irm https://raw.githubusercontent.com/natpmp/natpmp/HEAD/scripts/install.ps1))) -Uninstall
#>
[CmdletBinding()]
param(
    [string] $Prefix,
    [string] $Version,
    [string] $BaseUrl,
    [string] $Target,
    [switch] $Force,
    [switch] $NoPath,
    [switch] $Uninstall
)

# All in one block: a download that was cut off cannot be parsed, and "irm | iex" leaves no names in the session.
& {
    $ErrorActionPreference = 'Stop'
    # Windows PowerShell spends more time on its progress bar than on the download.
    $ProgressPreference = 'SilentlyContinue'

    # Where the releases are: a fork sets this variable, or says -BaseUrl.
    $repository = if ($env:NATPMP_REPOSITORY) { $env:NATPMP_REPOSITORY } else { 'natpmp/natpmp' }
    $onWindows = $env:OS -eq 'Windows_NT'
    $targets = 'windows-x64', 'windows-arm64'
    # No other file is ever written, replaced or removed, but the manifest.
    $files = 'natpmp.exe', 'LICENSE', 'README.md', 'CHANGELOG.md', 'config.schema.json'
    # Marks the names of files that wait beside their places, and of running programs that had to leave theirs.
    $mark = [guid]::NewGuid().ToString('N').Substring(0, 8)

    function Get-Words($Failure) {
        $Failure.Exception.GetBaseException().Message.Split("`n")[0].Trim()
    }

    function Get-Sha256([string] $Path) {
        $stream = [IO.File]::OpenRead($Path)
        try {
            $sha256 = [Security.Cryptography.SHA256]::Create()
            try { [BitConverter]::ToString($sha256.ComputeHash($stream)).Replace('-', '').ToLowerInvariant() }
            finally { $sha256.Dispose() }
        } finally { $stream.Dispose() }
    }

    function Get-HostTarget {
        if (-not $onWindows) { throw 'this is not Windows: use install.sh, or name a -Target' }
        # The process's own variables name an emulated processor, the registry of the real one.
        $key = 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Environment'
        $processor = (Get-ItemProperty -LiteralPath $key -Name PROCESSOR_ARCHITECTURE).PROCESSOR_ARCHITECTURE
        switch ($processor) {
            'AMD64' { 'windows-x64' }
            'ARM64' { 'windows-arm64' }
            default { throw "no binary for the processor $processor; available: $($targets -join ', ')" }
        }
    }

    # Follows redirections by itself, as Windows PowerShell would follow them from https to http.
    function Save-Download([string] $Url, [string] $Path) {
        try {
            $uri = [Uri] $Url
            for ($hops = 0; $true; $hops++) {
                $request = [Net.WebRequest]::Create($uri)
                $request.AllowAutoRedirect = $false
                $request.UserAgent = 'natpmp-install'
                $request.Timeout = 60000
                $request.ReadWriteTimeout = 60000
                $response = $request.GetResponse()
                try {
                    $status = [int] $response.StatusCode
                    if ($status -lt 300) {
                        $file = [IO.File]::Open($Path, [IO.FileMode]::CreateNew)
                        try { $response.GetResponseStream().CopyTo($file) } finally { $file.Dispose() }
                        return
                    }
                    $location = [string] $response.Headers['Location']
                    if (-not $location -or $hops -eq 10) { throw "it answers $status without a new address" }
                    $next = New-Object -TypeName Uri -ArgumentList $uri, $location
                    if ($next.Scheme -cne 'https' -and $next.Scheme -cne $uri.Scheme) {
                        throw "it redirects from $($uri.Scheme) to $next"
                    }
                    $uri = $next
                } finally { $response.Dispose() }
            }
        } catch { throw "cannot download ${Url}: $(Get-Words $_)" }
    }

    # What one dotted text is beside another, by the rules of semver.org: below 0, 0 or above 0.
    function Compare-Dotted([string] $One, [string] $Other) {
        $left = $One.Split('.')
        $right = $Other.Split('.')
        for ($i = 0; $i -lt $left.Count -and $i -lt $right.Count; $i++) {
            $isNumber = $left[$i] -match '^[0-9]+$'
            if ($isNumber -ne ($right[$i] -match '^[0-9]+$')) {
                if ($isNumber) { return -1 } else { return 1 }
            }
            $order = if ($isNumber) { $left[$i].Length - $right[$i].Length } else { 0 }
            if ($order -eq 0) { $order = [string]::CompareOrdinal($left[$i], $right[$i]) }
            if ($order -ne 0) { return $order }
        }
        $left.Count - $right.Count
    }

    function Test-Older([string] $One, [string] $Other) {
        $left = $One.Split('+')[0].Split([char[]] '-', 2)
        $right = $Other.Split('+')[0].Split([char[]] '-', 2)
        $order = Compare-Dotted $left[0] $right[0]
        if ($order -ne 0) { return $order -lt 0 }
        # What comes before a release is older than it.
        if ($left.Count -eq 1) { return $false }
        if ($right.Count -eq 1) { return $true }
        (Compare-Dotted $left[1] $right[1]) -lt 0
    }

    # Whoever serves an old release may know its faults.
    function Assert-Newer([hashtable] $Noted, [hashtable] $Archive, [string] $For) {
        foreach ($key in $Noted.Keys) {
            $installed = [regex]::Match($key, '^archive natpmp-(.+)-' + [regex]::Escape($For) + '\.zip$')
            if ($installed.Success -and (Test-Older $Archive.Version $installed.Groups[1].Value)) {
                $is = "the latest release is $($Archive.Version), and $($installed.Groups[1].Value) is installed in $Prefix"
                throw "${is}: nothing changed (-Version $($Archive.Version) installs the older one)"
            }
        }
    }

    # The line of SHA256SUMS for a target, and for a version if one is wanted.
    function Find-Archive([string] $SumsPath, [string] $SumsUrl, [string] $For, [string] $Wanted) {
        $pattern = '^([0-9a-fA-F]{64}) [ *](natpmp-(.+)-' + [regex]::Escape($For) + '\.zip)$'
        $lines = @(
            foreach ($line in [IO.File]::ReadAllLines($SumsPath)) {
                $parts = [regex]::Match($line, $pattern)
                if ($parts.Success -and (-not $Wanted -or $parts.Groups[3].Value -ceq $Wanted)) { $parts }
            }
        )
        $named = if ($Wanted) { $Wanted } else { 'VERSION' }
        if ($lines.Count -eq 0) { throw "$SumsUrl has no line for natpmp-$named-$For.zip" }
        if ($lines.Count -gt 1) { throw "$SumsUrl has more than one line for $For" }
        $found = $lines[0].Groups
        if ($found[3].Value -cnotmatch '^[0-9][0-9A-Za-z.+-]*$') {
            throw "$SumsUrl names a version that cannot be one: $($found[3].Value)"
        }
        @{ Sum = $found[1].Value.ToLowerInvariant(); Name = $found[2].Value; Version = $found[3].Value }
    }

    # What was installed: "KIND NAME" and its checksum.
    function Read-Manifest {
        $noted = @{}
        if (Test-Path -LiteralPath $manifest -PathType Leaf) {
            foreach ($line in [IO.File]::ReadAllLines($manifest)) {
                $kind, $sum, $name = $line.Split([char[]] ' ', 3)
                $noted["$kind $name"] = $sum
            }
        }
        $noted
    }

    function Test-Intact([hashtable] $Noted, [string] $File) {
        $path = Join-Path $Prefix $File
        (Test-Path -LiteralPath $path -PathType Leaf) -and (Get-Sha256 $path) -ceq $Noted["file $File"]
    }

    function Test-Installed([hashtable] $Noted, [hashtable] $Archive) {
        if ($Noted["archive $($Archive.Name)"] -cne $Archive.Sum) { return $false }
        foreach ($file in $files) { if (-not (Test-Intact $Noted $file)) { return $false } }
        $true
    }

    # Nobody knows the name before it is there; all that is written there is new, so that no link is followed.
    function Get-StagedPath([string] $File) { Join-Path $Prefix "new-$mark-$File" }

    # Unpacks the files that are ours beside their places; the archive decides no name.
    function Expand-Files([string] $ZipPath, [hashtable] $Archive, [string] $For) {
        Add-Type -AssemblyName System.IO.Compression
        Add-Type -AssemblyName System.IO.Compression.FileSystem
        $top = "natpmp-$($Archive.Version)-$For"
        $odd = "$($Archive.Name) has unexpected contents"
        try { $zip = [IO.Compression.ZipFile]::OpenRead($ZipPath) }
        catch { throw "cannot unpack $($Archive.Name): $(Get-Words $_)" }
        try {
            foreach ($entry in $zip.Entries) {
                $name = $entry.FullName.Replace('\', '/')
                if (-not $name.StartsWith("$top/", [StringComparison]::Ordinal) -or "$name/".Contains('/../')) {
                    throw "${odd}: $($entry.FullName)"
                }
            }
            foreach ($file in $files) {
                $members = @($zip.Entries | Where-Object { $_.FullName -ceq "$top/$file" })
                if ($members.Count -ne 1) { throw "${odd}: no file $top/$file, or several" }
                if ($members[0].Length -eq 0) { throw "${odd}: $top/$file is empty" }
                try { [IO.Compression.ZipFileExtensions]::ExtractToFile($members[0], (Get-StagedPath $file), $false) }
                catch { throw "cannot write $(Join-Path $Prefix $file): $(Get-Words $_)" }
            }
        } finally { $zip.Dispose() }
    }

    function Test-Program([string] $Path) {
        $odd = 'the binary does not run on this machine'
        try { & $Path --version | Out-Null } catch { throw "${odd}: $(Get-Words $_) (-Force installs it anyway)" }
        if ($LASTEXITCODE -ne 0) { throw "${odd}: it ended with $LASTEXITCODE (-Force installs it anyway)" }
    }

    # Windows lets nobody overwrite or delete a program that runs, but rename it.
    function Move-IntoPlace([string] $File) {
        $place = Join-Path $Prefix $File
        $old = Join-Path $Prefix "old-$mark-$File"
        try {
            $replaces = Test-Path -LiteralPath $place
            if ($replaces) { [IO.File]::Move($place, $old) }
            try { [IO.File]::Move((Get-StagedPath $File), $place) }
            catch {
                if ($replaces) { [IO.File]::Move($old, $place) }
                throw
            }
        } catch { throw "cannot replace ${place}: $(Get-Words $_)" }
        if ($replaces) { Remove-Item -LiteralPath $old -Force -ErrorAction SilentlyContinue }
    }

    function Write-Manifest([string[]] $Lines) {
        $text = ($Lines -join [Environment]::NewLine) + [Environment]::NewLine
        $bytes = (New-Object Text.UTF8Encoding $false).GetBytes($text)
        $file = [IO.File]::Open((Get-StagedPath 'manifest.txt'), [IO.FileMode]::CreateNew)
        try { $file.Write($bytes, 0, $bytes.Length) } finally { $file.Dispose() }
        Move-IntoPlace 'manifest.txt'
    }

    # Programs that were running when they were replaced, and are not any more.
    function Remove-Leftovers {
        if (-not (Test-Path -LiteralPath $Prefix -PathType Container)) { return }
        foreach ($item in @(Get-ChildItem -LiteralPath $Prefix -Force)) {
            if ($item.Name -match '^(old|new)-[0-9a-f]{8}-(.+)$' -and ($files + 'manifest.txt') -contains $Matches[2]) {
                Remove-Item -LiteralPath $item.FullName -Force -ErrorAction SilentlyContinue
            }
        }
    }

    function Test-SameDirectory([string] $One, [string] $Other) {
        [Environment]::ExpandEnvironmentVariables($One).TrimEnd('\') -eq $Other.TrimEnd('\')
    }

    # As it is written, %NAMES% unexpanded: they would be lost when it is written back.
    function Get-UserPath {
        $key = [Microsoft.Win32.Registry]::CurrentUser.CreateSubKey('Environment')
        try {
            $unexpanded = [Microsoft.Win32.RegistryValueOptions]::DoNotExpandEnvironmentNames
            [string] $key.GetValue('Path', '', $unexpanded)
        } finally { $key.Dispose() }
    }

    function Set-UserPath([string] $Value) {
        $key = [Microsoft.Win32.Registry]::CurrentUser.CreateSubKey('Environment')
        try { $key.SetValue('Path', $Value, [Microsoft.Win32.RegistryValueKind]::ExpandString) }
        finally { $key.Dispose() }
        # Removes a variable that is not there, as this also makes running programs read the environment anew.
        [Environment]::SetEnvironmentVariable('NATPMP_INSTALL', [NullString]::Value, 'User')
    }

    # Whether it had to be added.
    function Add-ToPath {
        $path = Get-UserPath
        $ofMachine = [string] [Environment]::GetEnvironmentVariable('Path', 'Machine')
        $entries = "$path;$ofMachine".Split(';')
        foreach ($entry in $entries) { if ($entry -and (Test-SameDirectory $entry $Prefix)) { return $false } }
        Set-UserPath ((@($path.Split(';') | Where-Object { $_ }) + $Prefix) -join ';')
        $env:Path = $env:Path.TrimEnd(';') + ";$Prefix"
        $true
    }

    function Remove-FromPath {
        $entries = @((Get-UserPath).Split(';') | Where-Object { $_ -and -not (Test-SameDirectory $_ $Prefix) })
        Set-UserPath ($entries -join ';')
    }

    function Install-Natpmp {
        $wanted = $Version -creplace '^v', ''
        if ($wanted -and $wanted -cnotmatch '^[0-9][0-9A-Za-z.+-]*$') {
            throw "-Version $Version is not a version such as 0.1.0"
        }
        if ($Target -and $targets -cnotcontains $Target) {
            throw "-Target $Target is not one of $($targets -join ', ') (for others: install.sh)"
        }
        $for = if ($Target) { $Target } else { Get-HostTarget }
        $base = if ($BaseUrl) { $BaseUrl.TrimEnd('/') } else { "https://github.com/$repository/releases/download" }
        if ($base -cnotmatch '^https?://.') { throw "-BaseUrl $BaseUrl does not begin with https:// or http://" }
        if ($base -cmatch '^http:' -and -not ([Uri] $base).IsLoopback) {
            Write-Warning "$base is not https: anybody on the network path can replace the program and its checksum"
        }
        $sumsUrl = if ($wanted) { "$base/v$wanted/SHA256SUMS" }
        elseif ($base.EndsWith('/download')) { $base.Substring(0, $base.Length - 9) + '/latest/download/SHA256SUMS' }
        else { "$base/latest/SHA256SUMS" }

        $work = Join-Path ([IO.Path]::GetTempPath()) "natpmp-install-$mark"
        New-Item -ItemType Directory -Path $work | Out-Null
        $isNew = $false
        try {
            $sums = Join-Path $work 'SHA256SUMS'
            Save-Download $sumsUrl $sums
            $archive = Find-Archive $sums $sumsUrl $for $wanted
            $noted = Read-Manifest
            if (-not $wanted) { Assert-Newer $noted $archive $for }
            if (Test-Installed $noted $archive) {
                Write-Host "natpmp $($archive.Version) ($for) is already installed in $Prefix"
            } else {
                Write-Host "natpmp $($archive.Version) ($for) from $base, to $Prefix"
                $zipPath = Join-Path $work $archive.Name
                Save-Download "$base/v$($archive.Version)/$($archive.Name)" $zipPath
                $actual = Get-Sha256 $zipPath
                if ($actual -cne $archive.Sum) {
                    $is = "it is $actual, SHA256SUMS has $($archive.Sum)"
                    throw "the checksum of $($archive.Name) is wrong: $is; nothing changed"
                }
                Write-Host "checksum verified: $($archive.Name)"
                $isNew = -not (Test-Path -LiteralPath $Prefix)
                try { New-Item -ItemType Directory -Force -Path $Prefix | Out-Null }
                catch { throw "cannot make ${Prefix}: $(Get-Words $_)" }
                Expand-Files $zipPath $archive $for
                if (-not $Target -and -not $Force) { Test-Program (Get-StagedPath 'natpmp.exe') }
                $lines = @("archive $($archive.Sum) $($archive.Name)")
                foreach ($file in $files) { $lines += "file $(Get-Sha256 (Get-StagedPath $file)) $file" }
                if ($isNew -or $noted.ContainsKey('directory .')) { $lines += 'directory - .' }
                if ($noted.ContainsKey('path .')) { $lines += 'path - .' }
                foreach ($file in $files) { Move-IntoPlace $file }
                $isNew = $false
                Write-Manifest $lines
                foreach ($file in $files) { Write-Host "installed $(Join-Path $Prefix $file)" }
            }
        } finally {
            Remove-Leftovers
            if ($isNew -and (Test-Path -LiteralPath $Prefix) -and -not (Get-ChildItem -LiteralPath $Prefix -Force)) {
                Remove-Item -LiteralPath $Prefix -ErrorAction SilentlyContinue
            }
            Remove-Item -LiteralPath $work -Recurse -Force -ErrorAction SilentlyContinue
        }
        if ($onWindows -and -not $NoPath -and (Add-ToPath)) {
            Write-Manifest (@([IO.File]::ReadAllLines($manifest)) + 'path - .')
            Write-Host "added $Prefix to your PATH: programs that start from now on will see it"
        }
    }

    function Uninstall-Natpmp {
        $program = Join-Path $Prefix 'natpmp.exe'
        if (-not (Test-Path -LiteralPath $manifest -PathType Leaf)) {
            if (Test-Path -LiteralPath $program) {
                throw "$program was not installed by this script ($manifest is missing): nothing removed"
            }
            Write-Host "natpmp is not installed in $Prefix, nothing to do"
            return
        }
        $noted = Read-Manifest
        $left = @()
        foreach ($file in $files) {
            $path = Join-Path $Prefix $file
            if (-not (Test-Path -LiteralPath $path)) { continue }
            if (Test-Intact $noted $file) {
                # natpmp.exe is the first: while it runs nothing at all is removed.
                try { Remove-Item -LiteralPath $path -Force } catch { throw "cannot remove ${path}: $(Get-Words $_)" }
                Write-Host "removed $path"
            } else { $left += $path }
        }
        Remove-Item -LiteralPath $manifest -Force
        Remove-Leftovers
        if ($onWindows -and $noted.ContainsKey('path .')) {
            Remove-FromPath
            Write-Host "removed $Prefix from your PATH"
        }
        if ($noted.ContainsKey('directory .') -and -not (Get-ChildItem -LiteralPath $Prefix -Force)) {
            Remove-Item -LiteralPath $Prefix
            Write-Host "removed $Prefix"
        }
        Write-Host 'state, configuration and services were left alone'
        if ($left) { throw "left $($left -join ', '): not what this script installed" }
    }

    try {
        if (-not $Prefix) {
            if (-not $env:LOCALAPPDATA) { throw 'LOCALAPPDATA is not set: use -Prefix DIRECTORY' }
            $Prefix = Join-Path $env:LOCALAPPDATA 'Programs\natpmp'
        }
        if ("$Prefix$BaseUrl$repository" -match '[\x00-\x1f\x7f]') {
            throw 'the prefix, URL or repository holds a line break or another control character'
        }
        # .NET knows another current directory than PowerShell, so every path is absolute.
        $Prefix = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Prefix)
        $manifest = Join-Path $Prefix 'manifest.txt'
        if ($PSVersionTable.PSVersion.Major -lt 6) {
            # An older .NET Framework does not offer TLS 1.2 by itself; 0 leaves the choice to Windows.
            $protocols = [Net.ServicePointManager]::SecurityProtocol
            if ([int] $protocols -ne 0) {
                [Net.ServicePointManager]::SecurityProtocol = $protocols -bor [Net.SecurityProtocolType]::Tls12
            }
        }
        if ($Uninstall) { Uninstall-Natpmp } else { Install-Natpmp }
    } catch {
        $message = "install.ps1: $($_.Exception.Message)"
        # From a file, an exit code and one line; from "irm | iex", where exit would close the window, an error.
        if (-not $PSCommandPath) { throw $message }
        [Console]::Error.WriteLine($message)
        exit 1
    }
}
