import java.security.PrivilegedExceptionAction;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.security.UserGroupInformation;
import org.apache.hadoop.security.token.TokenIdentifier;
import org.apache.hadoop.yarn.api.protocolrecords.AllocateResponse;
import org.apache.hadoop.yarn.api.records.*;
import org.apache.hadoop.yarn.client.api.AMRMClient;
import org.apache.hadoop.yarn.client.api.AMRMClient.ContainerRequest;
import org.apache.hadoop.yarn.client.api.NMClient;
import org.apache.hadoop.yarn.client.api.YarnClient;
import org.apache.hadoop.yarn.client.api.YarnClientApplication;
import org.apache.hadoop.yarn.conf.YarnConfiguration;
import org.apache.hadoop.yarn.exceptions.ApplicationNotFoundException;
import org.apache.hadoop.yarn.exceptions.YarnException;

/**
 * YarnClient, AMRMClient and NMClient against a cluster of one node. Prints one line "ok: …" per
 * statement that held, and ends with exit code 1 at the first that did not.
 */
public class ClientLibraries {
  interface Attempt { void run() throws Exception; }

  static void holds(boolean condition, String statement) {
    if (!condition) { System.out.println("NOT TRUE: " + statement); System.exit(1); }
    System.out.println("ok: " + statement);
  }

  static <E extends Exception> E refused(Class<E> kind, Attempt attempt) throws Exception {
    try { attempt.run(); } catch (Exception e) {
      if (kind.isInstance(e)) { return kind.cast(e); }
      throw e;
    }
    return null;
  }

  static YarnApplicationState await(YarnClient yarn, ApplicationId id, EnumSet<YarnApplicationState> wanted) throws Exception {
    YarnApplicationState state = null;
    for (int i = 0; i < 600; i++) {
      state = yarn.getApplicationReport(id).getYarnApplicationState();
      if (wanted.contains(state)) { return state; }
      Thread.sleep(50);
    }
    return state;
  }

  static ApplicationSubmissionContext submission(YarnClient yarn, String name, String queue, int memory) throws Exception {
    YarnClientApplication app = yarn.createApplication();
    ApplicationSubmissionContext c = app.getApplicationSubmissionContext();
    c.setApplicationName(name);
    c.setQueue(queue);
    c.setResource(Resource.newInstance(memory, 1));
    c.setMaxAppAttempts(1);
    c.setAMContainerSpec(ContainerLaunchContext.newInstance(null, null, Collections.singletonList("sleep 600"), null, null, null));
    return c;
  }

  public static void main(String[] args) throws Exception {
    YarnConfiguration conf = new YarnConfiguration();
    YarnClient yarn = YarnClient.createYarnClient();
    yarn.init(conf);
    yarn.start();
    questions(yarn);
    refusals(yarn);
    delegationToken(yarn);
    unmanaged(conf, yarn);
    kill(yarn);
    System.out.println("all statements hold");
    System.exit(0);
  }

  static void questions(YarnClient yarn) throws Exception {
    holds(yarn.getYarnClusterMetrics().getNumActiveNodeManagers() == 1, "one node is active");
    List<NodeReport> nodes = yarn.getNodeReports(NodeState.RUNNING);
    holds(nodes.size() == 1 && nodes.get(0).getCapability().getMemorySize() == 8192, "the node has 8192 MB");
    holds(yarn.getResourceTypeInfo().stream().anyMatch(t -> t.getName().equals("yarn.io/gpu")), "yarn.io/gpu is a resource type");
    holds(yarn.getAllQueues().stream().anyMatch(q -> q.getQueueName().equals("batch")), "the queue batch is listed");
    holds(Math.abs(yarn.getQueueInfo("batch").getCapacity() - 0.4) < 0.001, "batch has 40 percent");
    holds(!yarn.getQueueAclsInfo().isEmpty(), "queue ACLs are listed");
  }

  static void refusals(YarnClient yarn) throws Exception {
    ApplicationId absent = ApplicationId.newInstance(1, 1);
    holds(refused(ApplicationNotFoundException.class, () -> yarn.getApplicationReport(absent)) != null, "an unknown application is ApplicationNotFoundException");
    YarnException e = refused(YarnException.class, () -> yarn.submitApplication(submission(yarn, "lost", "nowhere", 128)));
    holds(e != null && e.getMessage().contains("nowhere"), "an unknown queue is refused by name");
    holds(refused(YarnException.class, () -> yarn.submitApplication(submission(yarn, "huge", "default", 1 << 24))) != null, "an AM above the maximum is refused");
  }

  static void delegationToken(YarnClient yarn) throws Exception {
    org.apache.hadoop.yarn.api.records.Token token = yarn.getRMDelegationToken(new Text("renewer"));
    holds(token != null && token.getKind().equals("RM_DELEGATION_TOKEN"), "a delegation token is issued");
  }

  static void kill(YarnClient yarn) throws Exception {
    ApplicationSubmissionContext c = submission(yarn, "killed", "default", 128);
    ApplicationId id = yarn.submitApplication(c);
    yarn.killApplication(id);
    holds(await(yarn, id, EnumSet.of(YarnApplicationState.KILLED)) == YarnApplicationState.KILLED, "a killed application ends as KILLED");
    holds(yarn.getApplicationReport(id).getFinalApplicationStatus() == FinalApplicationStatus.KILLED, "its final status is KILLED");
  }

  static void unmanaged(YarnConfiguration conf, YarnClient yarn) throws Exception {
    ApplicationSubmissionContext c = submission(yarn, "unmanaged", "default", 128);
    c.setUnmanagedAM(true);
    c.setApplicationTags(Collections.singleton("interop"));
    ApplicationId id = yarn.submitApplication(c);
    org.apache.hadoop.security.token.Token<? extends TokenIdentifier> token = null;
    for (int i = 0; i < 600 && token == null; i++) { token = yarn.getAMRMToken(id); Thread.sleep(50); }
    holds(token != null, "an unmanaged application's owner gets the AMRM token");
    holds(yarn.getApplicationReport(id).getApplicationTags().contains("interop"), "tags are reported");
    ApplicationAttemptId attempt = yarn.getApplicationReport(id).getCurrentApplicationAttemptId();
    UserGroupInformation master = UserGroupInformation.createRemoteUser(attempt.toString());
    master.addToken(token);
    master.doAs((PrivilegedExceptionAction<Void>) () -> { master(conf, yarn, id); return null; });
    holds(await(yarn, id, EnumSet.of(YarnApplicationState.FINISHED)) == YarnApplicationState.FINISHED, "after unregistering the application is FINISHED");
    holds(yarn.getApplicationAttempts(id).size() == 1, "one attempt is listed");
  }

  static void master(YarnConfiguration conf, YarnClient yarn, ApplicationId id) throws Exception {
    AMRMClient<ContainerRequest> am = AMRMClient.createAMRMClient();
    am.init(conf);
    am.start();
    NMClient nodes = NMClient.createNMClient();
    nodes.init(conf);
    nodes.start();
    holds(am.registerApplicationMaster("localhost", 0, "").getMaximumResourceCapability().getMemorySize() > 0, "registering tells the maximum");
    for (int i = 0; i < 2; i++) { am.addContainerRequest(new ContainerRequest(Resource.newInstance(200, 1), null, null, Priority.newInstance(1))); }
    List<Container> got = new ArrayList<>();
    for (int i = 0; i < 600 && got.size() < 2; i++) { got.addAll(am.allocate(0.1f).getAllocatedContainers()); Thread.sleep(50); }
    holds(got.size() == 2, "two containers are granted");
    holds(got.get(0).getResource().getMemorySize() == 256, "200 MB are rounded up to 256");
    Container stays = got.get(0), ends = got.get(1);
    nodes.startContainer(stays, ContainerLaunchContext.newInstance(null, null, Collections.singletonList("exec sleep 600"), null, null, null));
    nodes.startContainer(ends, ContainerLaunchContext.newInstance(null, null, Collections.singletonList("exit 7"), null, null, null));
    ContainerStatus ended = null;
    for (int i = 0; i < 600 && ended == null; i++) {
      for (ContainerStatus s : am.allocate(0.5f).getCompletedContainersStatuses()) { ended = s; }
      Thread.sleep(50);
    }
    holds(ended != null && ended.getContainerId().equals(ends.getId()) && ended.getExitStatus() == 7, "exit status 7 is reported");
    holds(nodes.getContainerStatus(stays.getId(), stays.getNodeId()).getState() == ContainerState.RUNNING, "the other container runs");
    nodes.stopContainer(stays.getId(), stays.getNodeId());
    ended = null;
    for (int i = 0; i < 600 && ended == null; i++) {
      for (ContainerStatus s : am.allocate(0.9f).getCompletedContainersStatuses()) { ended = s; }
      Thread.sleep(50);
    }
    holds(ended != null && ended.getContainerId().equals(stays.getId()), "a stopped container is reported complete");
    am.unregisterApplicationMaster(FinalApplicationStatus.SUCCEEDED, "done", "");
    nodes.stop();
    am.stop();
  }
}
