{
  "targets": [
    {
      "target_name": "hvsock",
      "sources": ["native/addon.c", "native/operations.c", "native/pump.c", "native/pump_operation.c"],
      "defines": ["NAPI_VERSION=9"],
      "cflags": ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "xcode_settings": { "OTHER_CFLAGS": ["-std=gnu11", "-Wall", "-Wextra"] },
      "conditions": [
        ["OS!='win'", { "sources": ["native/sockets_posix.c"] }],
        [
          "OS=='win'",
          {
            "sources": ["native/sockets_win32.c"],
            "libraries": ["-lws2_32.lib"],
            "msvs_settings": { "VCCLCompilerTool": { "AdditionalOptions": ["/std:c11"] } }
          }
        ]
      ]
    }
  ]
}
