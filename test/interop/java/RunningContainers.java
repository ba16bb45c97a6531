import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.PrivilegedExceptionAction;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.security.UserGroupInformation;
import org.apache.hadoop.security.token.TokenIdentifier;
import org.apache.hadoop.yarn.api.protocolrecords.AllocateResponse;
import org.apache.hadoop.yarn.api.records.*;
import org.apache.hadoop.yarn.client.api.AMRMClient;
import org.apache.hadoop.yarn.client.api.AMRMClient.ContainerRequest;
import org.apache.hadoop.yarn.client.api.YarnClient;
import org.apache.hadoop.yarn.client.api.YarnClientApplication;
import org.apache.hadoop.yarn.client.api.async.NMClientAsync;
import org.apache.hadoop.yarn.conf.YarnConfiguration;

/**
 * NMClientAsync changes a running container in every way that it can. The argument is a folder where the
 * container says what runs. Prints one line "ok: …" per statement that held, and ends with exit code 1 at
 * the first that did not.
 */
public class RunningContainers {
  static final BlockingQueue<String> heard = new LinkedBlockingQueue<>();
  static Path said;

  static void holds(boolean condition, String statement) {
    if (!condition) { System.out.println("NOT TRUE: " + statement); System.exit(1); }
    System.out.println("ok: " + statement);
  }

  static class Callbacks extends NMClientAsync.AbstractCallbackHandler {
    void failed(String what, Throwable t) { heard.add(what + " failed: " + t); }
    @Override public void onContainerStarted(ContainerId c, Map<String, ByteBuffer> services) { heard.add("started"); }
    @Override public void onContainerStatusReceived(ContainerId c, ContainerStatus s) { heard.add("status " + s.getState()); }
    @Override public void onContainerStopped(ContainerId c) { heard.add("stopped"); }
    @Override public void onStartContainerError(ContainerId c, Throwable t) { failed("start", t); }
    @Override public void onContainerResourceIncreased(ContainerId c, Resource r) { heard.add("increased " + r.getMemorySize()); }
    @Override public void onContainerResourceUpdated(ContainerId c, Resource r) { heard.add("updated " + r.getMemorySize()); }
    @Override public void onGetContainerStatusError(ContainerId c, Throwable t) { failed("status", t); }
    @Override public void onIncreaseContainerResourceError(ContainerId c, Throwable t) { failed("increase", t); }
    @Override public void onUpdateContainerResourceError(ContainerId c, Throwable t) { failed("update", t); }
    @Override public void onStopContainerError(ContainerId c, Throwable t) { failed("stop", t); }
    @Override public void onContainerReInitialize(ContainerId c) { heard.add("reinitialized"); }
    @Override public void onContainerRestart(ContainerId c) { heard.add("restarted"); }
    @Override public void onRollbackLastReInitialization(ContainerId c) { heard.add("rolled back"); }
    @Override public void onCommitLastReInitialization(ContainerId c) { heard.add("committed"); }
    @Override public void onContainerReInitializeError(ContainerId c, Throwable t) { failed("reinitialize", t); }
    @Override public void onContainerRestartError(ContainerId c, Throwable t) { failed("restart", t); }
    @Override public void onRollbackLastReInitializationError(ContainerId c, Throwable t) { failed("rollback", t); }
    @Override public void onCommitLastReInitializationError(ContainerId c, Throwable t) { failed("commit", t); }
  }

  static void hear(String wanted) throws Exception {
    String got = heard.poll(60, TimeUnit.SECONDS);
    holds(wanted.equals(got), "the callback is \"" + wanted + "\"" + (wanted.equals(got) ? "" : ", not \"" + got + "\""));
  }

  /** Waits until the container has said these words, in this order, and nothing else. */
  static void says(String words) throws Exception {
    String got = "";
    for (int i = 0; i < 1200 && !got.equals(words); i++) {
      got = Files.exists(said) ? String.join(" ", Files.readAllLines(said)) : "";
      Thread.sleep(50);
    }
    holds(got.equals(words), "the container says \"" + words + "\"" + (got.equals(words) ? "" : ", not \"" + got + "\""));
  }

  static ContainerLaunchContext saying(String word) {
    return ContainerLaunchContext.newInstance(null, null, Collections.singletonList("echo " + word + " >> " + said + "; exec sleep 600"), null, null, null);
  }

  public static void main(String[] args) throws Exception {
    said = Paths.get(args[0], "said");
    YarnConfiguration conf = new YarnConfiguration();
    YarnClient yarn = YarnClient.createYarnClient();
    yarn.init(conf);
    yarn.start();
    YarnClientApplication app = yarn.createApplication();
    ApplicationSubmissionContext c = app.getApplicationSubmissionContext();
    c.setApplicationName("running containers");
    c.setUnmanagedAM(true);
    c.setMaxAppAttempts(1);
    c.setResource(Resource.newInstance(128, 1));
    c.setAMContainerSpec(ContainerLaunchContext.newInstance(null, null, Collections.singletonList("true"), null, null, null));
    ApplicationId id = yarn.submitApplication(c);
    org.apache.hadoop.security.token.Token<? extends TokenIdentifier> token = null;
    for (int i = 0; i < 600 && token == null; i++) { token = yarn.getAMRMToken(id); Thread.sleep(50); }
    UserGroupInformation master = UserGroupInformation.createRemoteUser(yarn.getApplicationReport(id).getCurrentApplicationAttemptId().toString());
    master.addToken(token);
    master.doAs((PrivilegedExceptionAction<Void>) () -> { master(conf, args[0]); return null; });
    yarn.stop();
    System.out.println("all statements hold");
  }

  static void master(YarnConfiguration conf, String folder) throws Exception {
    AMRMClient<ContainerRequest> am = AMRMClient.createAMRMClient();
    am.init(conf);
    am.start();
    NMClientAsync nodes = NMClientAsync.createNMClientAsync(new Callbacks());
    nodes.init(conf);
    nodes.start();
    am.registerApplicationMaster("localhost", 0, "");
    am.addContainerRequest(new ContainerRequest(Resource.newInstance(256, 1), null, null, Priority.newInstance(1)));
    Container container = null;
    for (int i = 0; i < 600 && container == null; i++) {
      for (Container x : am.allocate(0.1f).getAllocatedContainers()) { container = x; }
      Thread.sleep(50);
    }
    ContainerId id = container.getId();
    nodes.startContainerAsync(container, saying("one"));
    hear("started");
    says("one");

    am.requestContainerUpdate(container, UpdateContainerRequest.newInstance(container.getVersion(), id, ContainerUpdateType.INCREASE_RESOURCE, Resource.newInstance(512, 1), null));
    UpdatedContainer grown = null;
    for (int i = 0; i < 600 && grown == null; i++) {
      AllocateResponse r = am.allocate(0.2f);
      for (UpdatedContainer x : r.getUpdatedContainers()) { grown = x; }
      Thread.sleep(50);
    }
    holds(grown != null && grown.getContainer().getResource().getMemorySize() == 512, "the ResourceManager lets it grow");
    nodes.updateContainerResourceAsync(grown.getContainer());
    hear("updated 512");
    holds(nodes.getClient().getContainerStatus(id, container.getNodeId()).getCapability().getMemorySize() == 512, "its status has the new size");

    Path file = Files.write(Paths.get(folder, "file"), "content".getBytes());
    LocalResource resource = LocalResource.newInstance(URL.fromPath(new org.apache.hadoop.fs.Path("file://" + file)), LocalResourceType.FILE, LocalResourceVisibility.APPLICATION,
        Files.size(file), Files.getLastModifiedTime(file).toMillis());
    nodes.getClient().localize(id, container.getNodeId(), Collections.singletonMap("link", resource));
    List<LocalizationStatus> statuses = null;
    for (int i = 0; i < 600; i++) {
      statuses = nodes.getClient().getLocalizationStatuses(id, container.getNodeId());
      if (statuses.size() == 1 && statuses.get(0).getLocalizationState() != LocalizationState.PENDING) { break; }
      Thread.sleep(50);
    }
    holds(statuses.size() == 1 && statuses.get(0).getResourceKey().equals("link") && statuses.get(0).getLocalizationState() == LocalizationState.COMPLETED, "a resource comes into it");

    nodes.reInitializeContainerAsync(id, saying("two"), false);
    hear("reinitialized");
    says("one two");
    nodes.rollbackLastReInitializationAsync(id);
    hear("rolled back");
    says("one two one");
    nodes.reInitializeContainerAsync(id, saying("three"), false);
    hear("reinitialized");
    says("one two one three");
    nodes.commitLastReInitializationAsync(id);
    hear("committed");
    nodes.restartContainerAsync(id);
    hear("restarted");
    says("one two one three three");
    nodes.getContainerStatusAsync(id, container.getNodeId());
    hear("status RUNNING");
    nodes.stopContainerAsync(id, container.getNodeId());
    hear("stopped");
    am.unregisterApplicationMaster(FinalApplicationStatus.SUCCEEDED, "done", "");
    nodes.stop();
    am.stop();
  }
}
