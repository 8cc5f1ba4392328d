//! Reasons of conditions.

api_names! {
    /// Reasons, in the order of the condition that has them first.
    #[allow(missing_docs)]
    Reason {
        // Ready
        Reconciling,
        ApplyFailed,
        ScaledToZero,
        AllChecksPassed,
        // ConfigReady
        ConfigValid,
        SecretUnusable,
        SecretInOverrides,
        ReservedKey,
        InvalidOverrides,
        ReservedVariable,
        NoBindPassword,
        SpecTooLarge,
        NotAllowed,
        // StorageReady
        VolumesReady,
        CannotGrow,
        ClaimLost,
        ClaimTerminating,
        OwnerRefused,
        ClaimMissing,
        ClaimPending,
        Growing,
        Pending,
        // StatefulSetReady
        StatefulSetMissing,
        StatefulSetTerminating,
        StatefulSetNotObserved,
        Stopping,
        ReplicasReady,
        PodNotReady,
        NodeUnreachable,
        ServerStarting,
        // Available
        ServerRunning,
        ServerNotRunning,
        // Authenticated
        NothingPublished,
        PublishedStateUnusable,
        Reachable,
        SignedToken,
        CredentialsRefused,
        InvalidAnswer,
        Unreachable,
        Starting,
        // AdaptersReady
        AdaptersExposed,
        NoAdapters,
        AdapterNotExposed,
        AdapterNotReady,
        WaitingForAddress,
        LoadBalancerError,
        AddressMissing,
        SettingNotApplied,
        // RollPending
        NoPod,
        UpToDate,
        Rolling,
        WaitingForController,
        WaitingForTurn,
        Manual,
        // SidecarUpToDate
        Paused,
        Replacing,
        ImageRefused,
        ImageRefusedElsewhere,
        Forbidden,
        WaitingForOthers,
        PodNotStarted,
        WithNextPod,
        NeedsNextPod,
        // Progressing
        ReconcileComplete,
        // MetricsReady
        ServiceOnly,
        ServiceMonitorUnavailable,
        ServiceMonitorMissing,
        ServiceMonitorMade,
        // GatewayReady
        NoParents,
        KindMissing,
        RouteNotAccepted,
        NotAcceptedYet,
        NoRoutes,
        RoutesAccepted,
        // DatabaseReady
        Ready,
        Creating,
        NotReady,
        SecretMissing,
        ExternallyManaged,
        // ConfigOverridesKnown
        KeysKnown,
        UnknownKeys,
        // ImagePinned
        MovingTag,
        // AdminUsernameHonored
        FixedByServer,
        // DirectoryReady
        EditNotInUse,
        // ManagementReady
        NotManaged,
        // SigningKeyPending
        RestartNeeded,
        // SigningKeyExclusive
        SharedSigningKey,
        // ObjectsUncontested
        ChangedByOthers,
        // PasswordResetPending
        Stopped,
        Refused,
        WaitingForSidecar,
        // TakenOver
        OtherOperator,
    }
}
